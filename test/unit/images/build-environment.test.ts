import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildEnvironment, withBuildEnvironment } from "../../../src/images/build-environment.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "vdi-env-"));
});
afterEach(() => rmSync(home, { recursive: true }));

/** What a step sees after it has read env.sh. */
function seen(env: Record<string, string>): Record<string, string> {
  const script = buildEnvironment({ HOME: home, ...env })["env.sh"] ?? "";
  const output = execFileSync("sh", ["-eu", "-c", `${script}\nenv -0`], { env: {}, encoding: "utf8" });
  return Object.fromEntries(
    output
      .split("\0")
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

describe("what a build is told of this machine", () => {
  it("has the certificates that the admin chose", () => {
    const file = path.join(home, "ca.crt");
    writeFileSync(file, "-----BEGIN CERTIFICATE-----\n");
    expect(buildEnvironment({ HOME: home, VDI_CA_BUNDLE: file })["ca-certificates.crt"]).toBe("-----BEGIN CERTIFICATE-----\n");
    const names = ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "npm_config_cafile"];
    for (const name of names) expect(seen({ VDI_CA_BUNDLE: file })[name]).toBe("/run/build-env/ca-certificates.crt");
  });

  it("has mirrors and proxies, exactly, and only those that are set", () => {
    const url = "https://ann:it's$1`x`@mirror.example/simple";
    const found = seen({ PIP_INDEX_URL: url, HTTPS_PROXY: "http://proxy:3128", npm_config_registry: "" });
    expect(found["PIP_INDEX_URL"]).toBe(url);
    expect(found["HTTPS_PROXY"]).toBe("http://proxy:3128");
    expect(found).not.toHaveProperty("npm_config_registry");
    expect(found).not.toHaveProperty("PIP_TRUSTED_HOST");
  });

  it("has nothing else of the environment", () => {
    expect(seen({ AWS_SECRET_ACCESS_KEY: "x", PIP_FIND_LINKS: "/opt/wheels" })).not.toHaveProperty("AWS_SECRET_ACCESS_KEY");
    expect(JSON.stringify(buildEnvironment({ HOME: home, AWS_SECRET_ACCESS_KEY: "s3cret" }))).not.toContain("s3cret");
  });

  it("reads pip's own files, which give way to the environment", () => {
    mkdirSync(path.join(home, ".config/pip"), { recursive: true });
    writeFileSync(
      path.join(home, ".config/pip/pip.conf"),
      "[install]\nindex-url = https://no.example\n[global]\nindex-url = https://yes.example/simple \ntrusted-host: yes.example\n",
    );
    expect(seen({})["PIP_INDEX_URL"]).toBe("https://yes.example/simple");
    expect(seen({})["PIP_TRUSTED_HOST"]).toBe("yes.example");
    expect(seen({ PIP_INDEX_URL: "https://env.example" })["PIP_INDEX_URL"]).toBe("https://env.example");
  });

  it("has a Debian mirror for the release of the images", () => {
    const mirrors = { VDI_APT_MIRROR: "http://mirror.example/debian", VDI_APT_SECURITY_MIRROR: "http://mirror.example/security" };
    const files = buildEnvironment({ HOME: home, ...mirrors, VDI_APT_PROXY: "http://proxy:3142" });
    expect(files["sources.list"]).toContain("deb http://mirror.example/debian trixie main\n");
    expect(files["sources.list"]).toContain("deb http://mirror.example/security trixie-security main\n");
    expect(files["apt-mirror.conf"]).toContain('Acquire::http::Proxy "http://proxy:3142";');
    expect(buildEnvironment({ HOME: home })["sources.list"]).toBeUndefined();
  });

  it("refuses a Debian mirror that would leave out the security updates", () => {
    expect(() => buildEnvironment({ HOME: home, VDI_APT_MIRROR: "http://mirror.example/debian" })).toThrow(
      "VDI_APT_MIRROR is set, but not VDI_APT_SECURITY_MIRROR",
    );
  });

  it("is the same bytes for the same machine", () => {
    expect(buildEnvironment({ HOME: home, PIP_INDEX_URL: "x" })).toEqual(buildEnvironment({ HOME: home, PIP_INDEX_URL: "x" }));
  });
});

describe("a Dockerfile for one build", () => {
  it("names the settings of that build, wherever it takes them from", () => {
    const text =
      "COPY --from=vdi-build-env / /x\nRUN --mount=type=bind,from=vdi-build-env,target=/y --mount=from=vdi-build-env-2,target=/z true\nRUN --mount=target=/t,from=vdi-build-env";
    expect(withBuildEnvironment(text, "vdi-build-env:1")).toBe(
      "COPY --from=vdi-build-env:1 / /x\nRUN --mount=type=bind,from=vdi-build-env:1,target=/y --mount=from=vdi-build-env-2,target=/z true\nRUN --mount=target=/t,from=vdi-build-env:1",
    );
  });
});
