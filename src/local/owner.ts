import { randomBytes } from "node:crypto";
import path from "node:path";
import type Dockerode from "dockerode";
import type { Config } from "../config/config.ts";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { inWords } from "./engine-error.ts";
import { labelFilters } from "./names.ts";

/** Where the id of a deployment directory is kept, below it: two directories may have one name, and so one namespace. */
export const directoryIdFile = "protected/local-id";

const idLabel = "vdi.xpra.org/directory-id";
/** Only for words: a directory may be moved. */
const directoryLabel = "vdi.xpra.org/directory";

type Labels = Readonly<Record<string, string>> | null | undefined;

/** Makes the id of a directory, once. */
export async function ensureDirectoryId(directory: string): Promise<void> {
  if ((await directoryId(directory)) !== undefined) return;
  await writeFileIfChanged(path.join(directory, directoryIdFile), `${randomBytes(16).toString("hex")}\n`, 0o600);
}

/** The labels that say from which directory something was made; none where it has no id yet. */
export async function ownerLabels(directory: string): Promise<Readonly<Record<string, string>>> {
  const id = await directoryId(directory);
  return id === undefined ? {} : { [idLabel]: id, [directoryLabel]: directory };
}

/** Throws where what has these labels was made from another directory. What says nothing of it is from before there were ids. Pure. */
export function refuseOtherOwner(namespace: string, has: Labels, wants: Labels): void {
  const other = has?.[idLabel];
  if (other === undefined || other === wants?.[idLabel]) return;
  const directory = has?.[directoryLabel];
  throw new VdiError({
    what: `${namespace} on this engine is another directory's`,
    why: `it was made from ${directory ?? "a directory that is not known"}, which has the same name`,
    try: [
      "vdi local up --dir DIR --port PORT (a directory of another name)",
      `echo ${other} > ${directoryIdFile} (in your directory, if the other one is gone and its users and homes are yours)`,
    ],
    see: "doc/local.md#when-it-does-not-work",
    exitCode: ExitCode.usage,
  });
}

/** Throws where anything of the deployment on the engine was made from another directory. */
export async function refuseOtherDirectory(docker: Dockerode, { namespace, directory }: Config): Promise<void> {
  const wants = await ownerLabels(directory);
  const filters = labelFilters(namespace);
  const [containers, networks, { Volumes }] = await inWords(
    `the engine could not say whose ${namespace} is`,
    Promise.all([docker.listContainers({ all: true, filters }), docker.listNetworks({ filters }), docker.listVolumes({ filters })]),
  );
  for (const { Labels } of [...containers, ...networks, ...(Volumes ?? [])]) refuseOtherOwner(namespace, Labels, wants);
}

async function directoryId(directory: string): Promise<string | undefined> {
  const id = (await readTextIfThere(path.join(directory, directoryIdFile)))?.trim() ?? "";
  return id === "" ? undefined : id;
}
