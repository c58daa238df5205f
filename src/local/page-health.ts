import { request } from "node:https";

/** What is wrong with the page behind an address; undefined: it answers. The certificate is the deployment's own and not checked. */
export function pageProblem(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(new URL("/healthz", url), { rejectUnauthorized: false, timeout: 5_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200 ? undefined : `status ${answer.statusCode}`);
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer within 5 s")));
    asked.on("error", (error) => resolve(error.message));
    asked.end();
  });
}
