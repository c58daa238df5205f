import { dockerWords } from "./reasons-docker.ts";
import { RefusalCode } from "./refusal-code.ts";

/** The words for one reason that a session cannot be had, or has ended. */
export interface ReasonWords {
  /** Code of the refusal in the protocol. */
  readonly code: RefusalCode;
  /** For the user: what is the matter and what to do now. Names no part of the cluster. */
  readonly user: string;
  /** For the user who comes back after a session ended for this reason; without it there is nothing to tell. */
  readonly previous?: string;
  /** For the admin of a cluster: what is the matter and why; no full stop. `NS` stands for the sessions' namespace. */
  readonly admin: string;
  /** What the admin can try, most likely first: a command, or a few words. */
  readonly try: readonly string[];
}

const { failed, noSuchType, notConfigured, unknownUser } = RefusalCode;

/**
 * Every reason that a session is refused, is waited for, or has ended, and its words. Other runtimes than a cluster have other words
 * for the admin where it matters (`reasons-docker.ts`). The runtime's own words are no part of it: they are the `detail` of the single case, which only the broker's log shows.
 */
const table = {
  // What was asked for.
  "no-such-type": {
    code: noSuchType,
    user: "There is no such session type for you.",
    admin: "no script of this session type is there for the user, one of the user's groups, or everybody",
    try: ["ls to_container/session_types/*/: the script has to be executable", "vdi deploy"],
  },
  "bad-display": {
    code: noSuchType,
    user: "The name of the session holds characters that are not allowed.",
    admin: "a client asked for a session by a name that cannot be one",
    try: ["letters, digits, '-', '_' and '.' in the client's settings"],
  },
  "unknown-user": {
    code: unknownUser,
    user: "This user is not known here.",
    admin: "the account is not known to the proxies, or may have no session: a uid below XPRA_MIN_UID, or group 0",
    try: ["vdi users list", "id USER, in the proxy's container"],
  },
  directory: {
    code: failed,
    user: "Users cannot be looked up at the moment. Please try again later.",
    admin: "the directory service of the proxies did not answer in time",
    try: ["getent passwd USER, in the proxy's container"],
  },

  // The installation.
  "no-image": {
    code: notConfigured,
    user: "The session has no software to run. Please tell your administrator.",
    admin: "the session type has neither an image of its own nor a default one",
    try: ["set IMAGE_DEFAULT in deploy/vdi.env", "vdi deploy"],
  },
  "no-configuration": {
    code: notConfigured,
    user: "Sessions are not configured here. Please tell your administrator.",
    admin: "the broker cannot read its configuration",
    try: ["vdi deploy writes it anew"],
  },
  "no-broker": {
    code: notConfigured,
    user: "Sessions cannot be started: no broker answers here and KUBECONFIG is not set.",
    admin: "the hook found neither a broker's socket nor a kubeconfig",
    try: ["run it in the proxy's container, or set KUBECONFIG"],
  },
  forbidden: {
    code: notConfigured,
    user: "Sessions may not be started here. Please tell your administrator.",
    admin: "the cluster does not let the broker do its work: its token, Role or RoleBinding is missing or was changed",
    try: ["vdi deploy sets them back", "kubectl get role,rolebinding -n NS"],
  },
  "no-namespace": {
    code: notConfigured,
    user: "There is no place for sessions here. Please tell your administrator.",
    admin: "the namespace NS is not there, or is being deleted",
    try: ["kubectl get namespace NS", "vdi deploy"],
  },
  policy: {
    code: notConfigured,
    user: "Sessions may not be started here. Please tell your administrator.",
    admin: "Pod Security, an admission policy or a webhook of the cluster does not allow the session's pod",
    try: ["vdi deploy, if images or settings were changed by hand", "kubectl get namespace NS --show-labels"],
  },
  "not-accepted": {
    code: notConfigured,
    user: "The session cannot be started as it is configured. Please tell your administrator.",
    admin: "the cluster does not take the session's pod as the configuration makes it",
    try: ["vdi config check", "vdi deploy", "kubectl get resourcequota,limitrange -n NS: do they ask for something?"],
  },

  // Room.
  "no-room": {
    code: failed,
    user: "No more sessions can be started at the moment: the limit of this installation is reached. Please try again later.",
    admin: "a ResourceQuota of the namespace NS is used up",
    try: ["kubectl describe resourcequota -n NS", "vdi sessions list, then vdi sessions stop NAME", "raise the quota"],
  },
  "no-node": {
    code: failed,
    user: "No machine has room for the session at the moment. It starts as soon as there is room.",
    admin: "no node takes the session's pod: all are full, or none fits",
    try: [
      "kubectl describe nodes: allocated resources, taints",
      "vdi sessions list, then vdi sessions stop NAME",
      "lower XPRA_SESSION_CPU_REQUEST and XPRA_SESSION_MEMORY_REQUEST, or add a node",
    ],
  },
  // A cluster's node evicts sessions before it comes to that.
  "no-space": {
    code: failed,
    user: "The machine has no disk space left for a session. Please tell your administrator.",
    admin: "the disk of the container engine is full, so that nothing new can be made on it; sessions that run go on",
    try: ["docker system df: what takes the space?", "docker system prune removes what nothing uses"],
  },

  queue: {
    code: failed,
    user: "Very many desktops are being started at the moment. Please try again in a few minutes.",
    admin: "more sessions were asked for than are started at a time (XPRA_STARTS_AT_ONCE), so that waiting in the line was given up",
    try: ["vdi sessions list: do the ones before it come to start?", "raise XPRA_STARTS_AT_ONCE, if the nodes' processors are idle"],
  },

  // On the way to a desktop.
  image: {
    code: failed,
    user: "The session's software cannot be fetched. Please tell your administrator.",
    admin: "the session's image is not in the registry, or the node may not or cannot pull it",
    try: ["vdi build-images --push", "vdi deploy", "kubectl get events -n NS"],
  },
  configuration: {
    code: failed,
    user: "The session cannot be started as it is configured. Please tell your administrator.",
    admin: "the node cannot make the session's container: it names something that is not there, or the image lacks its command",
    try: ["vdi deploy", "vdi build-images --push, if the image is not one of vdi's", "kubectl get events -n NS"],
  },
  volume: {
    code: failed,
    user: "A directory of the session cannot be attached yet; it is being tried again.",
    admin: "the node cannot mount a volume of the session's pod",
    try: ["vdi deploy, if a ConfigMap is missing", "kubectl get events -n NS", "kubectl get pvc -n NS"],
  },
  sandbox: {
    code: failed,
    user: "The machine has trouble with preparing the session; it is being tried again.",
    admin: "the node cannot set up the pod's sandbox or its network",
    try: ["kubectl get events -n NS", "the node's container runtime and network plugin"],
  },
  "machine-away": {
    code: failed,
    user: "The machine that the session is being prepared on does not answer. Please tell your administrator if it stays so.",
    admin: "the node that the session's pod was given to is not ready",
    try: ["kubectl get nodes", "kubectl describe node, for the reason"],
  },
  slow: {
    code: failed,
    user: "The session is still being prepared. Please try again in a minute.",
    admin: "the session was not ready in time",
    try: ["kubectl logs -n NS POD: does the session's script get as far as xpra?", "kubectl get events -n NS"],
  },
  lost: {
    code: failed,
    user: "The session was taken away several times while it started. Please try again later or tell your administrator.",
    admin: "the session's pod was deleted or evicted again and again while it started",
    try: ["kubectl get events -n NS", "kubectl describe nodes: memory or disk pressure"],
  },

  // How a session ends.
  ended: {
    code: failed,
    user: "The session ended as soon as it had started. Please tell your administrator.",
    admin: "the session's script ended by itself, without an error, before the desktop was ready",
    try: ["the script has to stay until the desktop ends: xpra start … --daemon=no", "kubectl logs -n NS POD"],
  },
  crashed: {
    code: failed,
    user: "The session ended with an error while it was starting. Please tell your administrator.",
    previous: "Your last session ended with an error.",
    admin: "the session's script ended with an error",
    try: ["kubectl logs -n NS POD", "the session type's script in to_container/session_types"],
  },
  memory: {
    code: failed,
    user: "The session needed more memory than it may use and was ended.",
    previous: "Your last session was ended because it needed more memory than a session may use.",
    admin: "the session used more memory than its limit and was killed",
    try: ["raise XPRA_SESSION_MEMORY_LIMIT, then vdi deploy"],
  },
  disk: {
    code: failed,
    user: "The session used more disk than it may use and was ended.",
    previous: "Your last session was ended because it used more disk than a session may use.",
    admin: "the session used more of its node's disk than its limit and was ended",
    try: ["raise XPRA_SESSION_EPHEMERAL_LIMIT, then vdi deploy"],
  },
  evicted: {
    code: failed,
    user: "The session was ended because its machine ran out of room. Please try again.",
    previous: "Your last session was ended because the machine that it was on ran out of room.",
    admin: "the session's pod was evicted or preempted: its node was short of memory, disk or room",
    try: ["kubectl describe nodes: memory or disk pressure", "XPRA_SESSION_MEMORY_REQUEST as large as sessions really are"],
  },
  machine: {
    code: failed,
    user: "The session was ended by its machine. Please try again.",
    previous: "Your last session was ended because the machine that it was on was shut down or failed.",
    admin: "the node ended the session's pod: a shutdown, or the node is lost",
    try: ["kubectl get nodes", "kubectl get events -n NS"],
  },

  // A session that is there and cannot be entered.
  refused: {
    code: failed,
    user: "The session runs but lets nobody in. Please try again in a minute, or end it and start anew.",
    admin: "the session's pod runs, but nothing listens on its port",
    try: ["kubectl logs -n NS POD", "vdi sessions stop NAME, if its user agrees"],
  },
  silent: {
    code: failed,
    user: "The session runs, but the machine that it is on does not answer. Please try again in a minute.",
    admin: "the session's pod cannot be reached over the network: its node is down, or a network policy does not let the proxies in",
    try: ["kubectl get nodes", "kubectl get networkpolicy -n NS", "vdi deploy"],
  },
  stuck: {
    code: failed,
    user: "The previous session cannot be closed because the machine that it was on does not answer. Please tell your administrator.",
    admin: "the session's pod should be gone by now and is not: its node does not answer, or a finalizer holds it",
    try: [
      "kubectl get nodes",
      "kubectl get pod -n NS POD -o jsonpath={.metadata.finalizers}",
      "kubectl delete pod -n NS POD --force, once its node is certainly off",
    ],
  },
  gone: {
    code: failed,
    user: "Your session has ended.",
    admin: "the user came back to a session after the connection was cut, and it was over",
    try: ["kubectl get events -n NS, when the user did not end it"],
  },
  foreign: {
    code: failed,
    user: "This session belongs to somebody else. Please tell your administrator.",
    admin: "a pod of this name belongs to another user, or to an account of the same name with another uid",
    try: ["vdi sessions list", "vdi sessions stop NAME, if the account was made anew"],
  },

  // The broker.
  away: {
    code: failed,
    user: "Sessions cannot be looked up or started at the moment. Please try again in a minute.",
    admin: "the cluster's API server does not answer the broker, or only with errors",
    try: ["kubectl get --raw '/readyz?verbose'", "the lines 'trouble' in the broker's log"],
  },
  restarting: {
    code: failed,
    user: "The service is being restarted. Please try again in a moment.",
    admin: "the broker was ended while the user waited; the session goes on starting",
    try: ["nothing: a proxy was replaced"],
  },
  abandoned: {
    code: failed,
    user: "The door hung up.",
    admin: "the user went away while the session started; it goes on starting",
    try: ["nothing"],
  },
  "broker-away": {
    code: failed,
    user: "The broker went away. Please try again.",
    admin: "the broker ended while the hook waited for it",
    try: ["kubectl get pods -n ingress-NS"],
  },
  "bad-request": {
    code: failed,
    user: "The request makes no sense.",
    admin: "something on the broker's socket does not speak its protocol",
    try: ["images of one version for proxy and broker: vdi deploy"],
  },
  bug: {
    code: failed,
    user: "The session could not be started because of an error in the program. Please tell your administrator.",
    admin: "an error in the broker itself",
    try: ["report it with the detail of this line"],
  },
} as const satisfies Readonly<Record<string, ReasonWords>>;

/** Why a session is refused, is waited for, or has ended: for programs. */
export type Reason = keyof typeof table;

/** Reasons that something stands in the way of a session that may still come. */
export type WaitReason = "no-node" | "volume" | "sandbox" | "machine-away";

/** Reasons that a session's machine is of no use any more. */
export type FailureReason = "image" | "configuration" | "ended" | "crashed" | "memory" | "disk" | "no-space" | "evicted" | "machine";

/** All reasons and their words, in the order of documentation. */
export const reasons: Readonly<Record<Reason, ReasonWords>> = table;

/** True for a text that names a reason: what came over a socket may not. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(table, text);
}

/** Names that a text of the table is completed with. */
export interface ReasonNames {
  /** The deployment's. */
  readonly namespace: string;
  readonly session?: string | undefined;
}

/** What sessions run on. */
export type RuntimeKind = "kubernetes" | "docker";

/** A reason's words for the admin of such a runtime. */
export function adminWords(reason: Reason, runtime: RuntimeKind): Pick<ReasonWords, "admin" | "try"> {
  return { ...reasons[reason], ...(runtime === "docker" ? dockerWords[reason] : undefined) };
}

/** A reason's words for the admin in one line: what is the matter and what to do, with the names of this deployment. */
export function adminSentence(reason: Reason, names: ReasonNames, runtime: RuntimeKind = "kubernetes"): string {
  const { admin, try: hints } = adminWords(reason, runtime);
  return named(`${admin}; try: ${hints.join("; ")}`, names);
}

/** Puts the names of a deployment and a session into a text of the table. */
export function named(text: string, { namespace, session }: ReasonNames): string {
  const inPlace = text.replaceAll(/\bNS\b/g, () => namespace);
  return session === undefined ? inPlace : inPlace.replaceAll(/\b(?:POD|NAME)\b/g, () => session);
}
