/** What a deployment on one container engine has beside what sessions have everywhere. */
export interface DockerSettings {
  /** The engine's unix socket. */
  readonly socket: string;
  /** Sessions' networks are cut out of it, in CIDR form. */
  readonly network: string;
  /** Directories below `topdirInt` that come from the deployment's volumes: `session_types`, `etc`, `bin`. */
  readonly directories: readonly string[];
  /** How many processes and threads a session may have. */
  readonly pidsLimit: number;
  /** Where the broker writes sessions' passwd and group files: the volume of identities, as the broker sees it. */
  readonly identityDirectory: string;
}
