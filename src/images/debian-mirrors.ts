import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";

/** The release of Debian that the images are made of. */
export const debianSuite = "trixie";

/** Where Debian's packages come from. */
export interface DebianMirrors {
  readonly mirror: string;
  /** Of the security updates. */
  readonly securityMirror: string;
}

/** A line of apt's configuration: which suite is taken from where. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
}

/** Lines of a sources.list for the release. */
export function debianSources({ mirror, securityMirror }: DebianMirrors): string[] {
  return [
    `deb ${mirror} ${debianSuite} main`,
    `deb ${mirror} ${debianSuite}-updates main`,
    `deb ${securityMirror} ${debianSuite}-security main`,
  ];
}

/** What this machine's apt asks of Debian's servers, in the order of its configuration; none where there is no apt. */
export async function aptSources(program = "apt-get"): Promise<readonly AptSource[]> {
  const child = spawn(program, ["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise<boolean>((resolve) => {
    child.once("error", () => resolve(false));
    child.once("close", (code) => resolve(code === 0));
  });
  const lines = (await text(child.stdout)).split("\n").map((line) => line.split(" "));
  if (!(await ended)) return [];
  return lines.flatMap(([uri = "", suite = "", component, ...origin]) =>
    // Ubuntu's servers have suites of the same names, and mirrors of third parties too.
    component === "main" && origin.join(" ") === "Debian" ? [{ uri: uri.replace(/\/+$/, ""), suite }] : [],
  );
}

/**
 * The mirrors to make Debian from: the given ones, else those that this machine's own apt uses. Of all that apt may be
 * told of, the server of `X-updates` is Debian's, and so is that of `X-security`; others offer only an `X`.
 * Throws when one of them is neither given nor found: no server is asked that nobody has named.
 */
export function debianMirrors(
  given: Partial<Record<keyof DebianMirrors, string | undefined>>,
  sources: readonly AptSource[],
): DebianMirrors {
  const of = (ending: string): string | undefined => sources.find(({ suite }) => suite.endsWith(ending))?.uri;
  const mirror = given.mirror || of("-updates");
  // Debian 10 and older call it X/updates.
  const securityMirror = given.securityMirror || of("-security");
  if (mirror !== undefined && securityMirror !== undefined) {
    for (const url of [mirror, securityMirror]) if (!/^[\w.+-]+:\/[^\s'"[\]\\]+$/.test(url)) throw notAnAddress(url);
    return { mirror, securityMirror };
  }
  const options = [...(mirror === undefined ? ["--mirror URL"] : []), ...(securityMirror === undefined ? ["--security-mirror URL"] : [])];
  throw new VdiError({
    what: `no Debian mirror is known${mirror === undefined ? "" : " for the security updates"}`,
    why:
      sources.length === 0
        ? "none is given, and this machine has no apt that asks Debian's own servers"
        : "none is given, and this machine's apt has no such entry of Debian's",
    try: [`vdi images rootfs ${options.join(" ")}`, "or set VDI_APT_MIRROR and VDI_APT_SECURITY_MIRROR"],
    see: "doc/images.md#base",
    exitCode: ExitCode.usage,
  });
}

/** The address for people: all before the last `@` goes, since a password that is not encoded may hold any character. */
export function withoutPassword(url: string): string {
  return url.replace(/^([\w.+-]+:\/+)?.*@/s, "$1");
}

function notAnAddress(url: string): VdiError {
  return new VdiError({
    what: `${JSON.stringify(withoutPassword(url))} is no address of a Debian mirror`,
    why: "an address has a scheme and no blank, quote or bracket",
    try: ["vdi images rootfs --mirror URL --security-mirror URL"],
    exitCode: ExitCode.usage,
  });
}
