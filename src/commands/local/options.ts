import type { OptionSpec } from "../../util/command.ts";

/** The option that chooses the deployment directory of this machine. */
export const localDirectoryOption: OptionSpec = {
  name: "dir",
  type: "string",
  value: "DIR",
  description: "deployment directory (default: the one that you are in, else ~/vdi-local)",
  completes: "directories",
};

/** The option that leaves the machine's packages alone. */
export const noInstallOption: OptionSpec = {
  name: "noInstall",
  type: "boolean",
  description: "install no package; say what is missing instead",
};
