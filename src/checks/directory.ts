import { stat } from "node:fs/promises";
import { join } from "node:path";
import { errorsOf, lineOf } from "../config/diagnostics.ts";
import { directoryDifferences } from "../deployment/overrides.ts";
import { parseCertificate } from "../deployment/pem.ts";
import { planDeployment } from "../deployment/plan.ts";
import { certificateNames } from "../deployment/prepare.ts";
import { accountsOf, homeOwners } from "../users/known-accounts.ts";
import { accountCollisions, userProblems, usersWithoutPassword } from "../users/user-problems.ts";
import { readUsers } from "../users/user-store.ts";
import { readTextIfThere } from "../util/atomic-file.ts";
import { counted } from "../util/counted.ts";
import { type Check, failed, ok, skipped, unless, warning } from "./check.ts";
import { certificateOf, pinnedOf, preparedOf } from "./prepared.ts";
import type { World } from "./world.ts";

/** Files that nobody but their owner may read. */
const secretFiles = ["ssl/server.key", "protected/ca.key", "protected/ticket.key", "protected/users/shadow", "protected/users/passwd"];

/** What has to hold in the deployment directory. */
export const directoryChecks: readonly Check<World>[] = [
  {
    id: "configuration",
    category: "directory",
    description: "the configuration reads without problems",
    looksAt:
      "`deploy/vdi.env`, the environment and the flags, as `vdi config check` reads them. Warnings of the configuration are warnings here.",
    hint: ["edit deploy/vdi.env; doc/configuration.md has every variable"],
    severity: "fatal",
    needs: [],
    async run({ reading }) {
      const errors = errorsOf(reading.diagnostics);
      if (errors.length > 0) return failed(errors.map(lineOf));
      if (reading.diagnostics.length > 0) return warning(reading.diagnostics.map(lineOf));
      return ok(join(reading.directory, reading.file));
    },
  },
  {
    id: "certificate-files",
    category: "directory",
    description: "the certificate is good, and is for the names that users come by",
    looksAt:
      "`ssl/server.crt` and `ssl/server.key`: both there or neither (then `vdi deploy` makes one), the key fits, not expired and not about to be, and for one of the site's names or for all of its addresses. A certificate that `vdi` made is made again by the next deploy when names change or its end is near.",
    hint: ["put a pair that fits into ssl/server.crt and ssl/server.key", "or remove both, and vdi deploy makes one"],
    severity: "fatal",
    needs: ["configuration"],
    async run(world) {
      const { note } = await certificateOf(world);
      const file = await readTextIfThere(join(world.config().directory, "ssl", "server.crt"));
      if (file === undefined) return ok("vdi deploy makes one");
      if (note?.startsWith("warning: ") === true) return warning(note.slice("warning: ".length));
      const certificate = parseCertificate(file);
      if (certificate === undefined) return skipped("ssl/server.crt is not there any more");
      const until = new Date(Date.parse(certificate.validTo)).toISOString().slice(0, 10);
      if (note !== undefined) return ok("vdi deploy makes it again");
      const missing = uncovered(certificate, certificateNames(world.config()));
      if (missing.length === 0) return ok(`until ${until}`);
      const names = (certificate.subjectAltName ?? certificate.subject).replaceAll("IP Address:", "IP:");
      return warning([`it is for ${names}`, `but not for ${missing.join(", ")}: browsers will warn whoever comes by those`]);
    },
  },
  {
    id: "secret-files",
    category: "directory",
    description: "only their owner reads the secret files",
    looksAt: `The modes of ${secretFiles.map((file) => `\`${file}\``).join(", ")}.`,
    hint: ["chmod 600 on each of them"],
    severity: "warning",
    needs: [],
    async run({ reading }) {
      const facts = await Promise.all(
        secretFiles.map(async (file) => ({ file, mode: (await stat(join(reading.directory, file)).catch(() => undefined))?.mode })),
      );
      const open = facts.filter(({ mode }) => mode !== undefined && (mode & 0o077) !== 0);
      return unless(open.map(({ file, mode = 0 }) => `${file} has mode ${(mode & 0o777).toString(8)}`));
    },
  },
  {
    id: "directory-version",
    category: "directory",
    description: "the directory's files are of this version of vdi",
    looksAt:
      "`to_container` against this version's own and against what `vdi init` once laid out: files that you did not touch and that this version has otherwise. Files that you changed are yours, and `vdi status` lists them.",
    hint: ["vdi init DIRECTORY brings them up to this version, then vdi build-images --push and vdi deploy"],
    severity: "warning",
    needs: [],
    async run(world) {
      const { ofOtherVersion } = await directoryDifferences(world.reading.directory, world.ctx.distribution);
      return unless(ofOtherVersion.length === 0 ? [] : [`they are of another one: ${listed(ofOtherVersion, 5)}`]);
    },
  },
  {
    id: "templates",
    category: "directory",
    description: "the templates render, and the session types are session types",
    looksAt:
      "Everything that a deploy would apply is made, without a cluster: the templates, `etc/xpra-vars.sh`, what `to_container` carries to the sessions. A script in `session_types` that cannot be one (not executable, in a wrong place) is a warning, and so is what the configuration asks for and this version does not do.",
    hint: ["vdi render shows the objects; mend the template or file that is named"],
    severity: "fatal",
    needs: ["configuration", "certificate-files"],
    async run(world) {
      const { parts } = await preparedOf(world);
      const plan = planDeployment({
        ...parts,
        pinnedImages: await pinnedOf(world),
        cluster: { hasAdmissionPolicies: true, insideRanges: [] },
      });
      if (plan.warnings.length > 0) return warning(plan.warnings);
      const types = parts.files.sessionTypes.filter(({ executable }) => executable).length;
      return types === 0
        ? failed("there is no session type: nobody could start anything", [
            `vdi init ${world.reading.directory} --force brings those of the distribution back (files that you changed go to protected/replaced)`,
          ])
        : ok(`${counted(plan.objects.length, "object")}, ${counted(types, "session type")}`);
    },
  },
  {
    id: "users",
    category: "directory",
    description: "the users' entries are right",
    looksAt:
      "`protected/users`: lines of passwd, shadow and group that are none, a user or a uid twice, a uid below `XPRA_MIN_UID`, group 0, a home that is no absolute path, characters that no user's name may have, a password without a user. Only when `XPRA_DEMO_USERS` is `Y`.",
    hint: ["vdi users list; vdi users remove NAME, or mend the line in protected/users"],
    severity: "fatal",
    needs: ["configuration"],
    async run(world) {
      const config = world.config();
      if (!config.demoUsers) return skipped("XPRA_DEMO_USERS is not Y: the proxies know users from elsewhere");
      const entries = await readUsers(config.directory);
      const problems = userProblems(entries, config.minUid);
      if (problems.length > 0) return failed(problems);
      return entries.passwd.length === 0
        ? warning("there are no users", ["vdi users add-demo --generate"])
        : ok(counted(entries.passwd.length, "user"));
    },
  },
  {
    id: "user-passwords",
    category: "directory",
    description: "every user has a password",
    looksAt: "The users without a hash in `protected/users/shadow`, or with a locked one: no password lets them in.",
    hint: ["vdi users add-demo --generate gives demo users one", "or leave it so, when they are to stay out"],
    severity: "warning",
    needs: ["users"],
    async run(world) {
      const without = usersWithoutPassword(await readUsers(world.config().directory));
      return unless(without.length === 0 ? [] : [`no password lets these in: ${listed(without)}`]);
    },
  },
  {
    id: "user-collisions",
    category: "directory",
    description: "no user has a uid or a name of somebody else",
    looksAt:
      "The accounts of this machine and of its directory service (`getent passwd`), and the owners of the directories in `VOLUME_HOMEDIRS_EXT`. Two people with one uid read and write each other's files on a shared home; demo users have uids from 20001 on so that they meet nobody.",
    hint: ["give those users other uids in protected/users, then vdi deploy"],
    severity: "fatal",
    needs: ["users"],
    async run(world, { signal }) {
      const config = world.config();
      const entries = await readUsers(config.directory);
      const uids = new Set(entries.passwd.map(({ uid }) => uid));
      const homes = config.values.get("VOLUME_HOMEDIRS_EXT") ?? "";
      const [accounts, owners] = await Promise.all([
        accountsOf([...entries.passwd.map(({ name }) => name), ...[...uids].map(String)], signal),
        homes === "" ? [] : homeOwners(homes, uids),
      ]);
      // A home is called after its user, so its name without an account says nothing of another uid.
      const atHome = owners.filter(({ name }) => !entries.passwd.some((user) => user.name === name));
      const found = [...accountCollisions(entries, accounts), ...accountCollisions(entries, atHome).map((text) => `${text} (${homes})`)];
      return unless([...new Set(found)]);
    },
  },
];

/** What a certificate does not cover, when it covers neither one of the site's names nor every address. */
function uncovered(
  certificate: NonNullable<ReturnType<typeof parseCertificate>>,
  names: { readonly dns: readonly string[]; readonly addresses: readonly string[] },
): readonly string[] {
  const outside = names.dns.filter((name) => !name.endsWith(".svc"));
  if (outside.some((name) => certificate.checkHost(name) !== undefined)) return [];
  const addresses = names.addresses.filter((address) => certificate.checkIP(address) === undefined);
  if (names.addresses.length > 0 && addresses.length === 0) return [];
  return [...outside, ...addresses];
}

/** A list that stays readable. */
function listed(names: readonly string[], most = 10): string {
  return names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}
