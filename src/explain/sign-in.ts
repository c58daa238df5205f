import { isDemoName } from "../users/demo-users.ts";
import type { LogFact, LoginFacts } from "./facts.ts";

/** What is said of one cause: sentences, and what to try. */
export interface Cause {
  readonly cause: string;
  readonly text: string;
  readonly try: readonly string[];
}

/** How this one user gets a new password; `why` also what else has to change. */
function newPassword(user: string, isLocal: boolean, why: "wrong" | "locked" | "old" = "wrong"): readonly string[] {
  if (!isLocal) return [why === "locked" ? "unlock it in the directory service" : "a new password, in the directory service"];
  if (isDemoName(user)) return [`vdi users add-demo --renew ${user}: a new password for this user only`];
  const day = why === "old" ? ", and today in the 3rd field (echo $(($(date +%s) / 86400)))" : "";
  return [`a new hash for ${user} in protected/users/shadow (openssl passwd -6 makes one)${day}, then vdi deploy`];
}

/** Why a sign-in was refused. Pure. */
export function refusedSignIn(line: LogFact, facts: LoginFacts): Cause {
  const { user, account } = facts;
  const outcome = String(line.fields["outcome"] ?? "");
  const reason = String(line.fields["reason"] ?? "");
  switch (outcome) {
    case "credentials":
      return wrongPassword(reason, facts);
    case "account":
      return refusedAccount(reason, facts);
    case "too-many":
      return tooMany(user);
    case "busy":
      return {
        cause: "busy",
        text: "So many people signed in at once that the proxy turned some away; the password was not looked at.",
        try: ["the user may try again at once", "raise REPLICAS, then vdi deploy"],
      };
    default:
      return {
        cause: reason === "timeout" ? "pam-timeout" : "pam-unavailable",
        text:
          reason === "timeout"
            ? "The proxy asked PAM and got no answer in time, so nobody could say whether the password was right. A directory service that is slow or away is the usual cause."
            : `The proxy could not ask PAM (${reason === "" ? outcome : reason}), so nobody could say whether the password was right.`,
        try: [
          account === undefined
            ? `getent passwd ${user}, in a proxy's container: does the directory answer?`
            : "vdi logs proxy --since 10m",
          "vdi check",
        ],
      };
  }
}

function wrongPassword(reason: string, facts: LoginFacts): Cause {
  const { user, account } = facts;
  if (reason === "password changed") {
    return {
      cause: "password-changed",
      text: `The password of ${user} was changed while the page was open, which ends the sign-in that it held.`,
      try: ["the user signs in again, with the new password"],
    };
  }
  if (account?.expired !== undefined) return expired(user, account.expired);
  if (reason === "locked" || account?.isLocked === true) return locked(user, account !== undefined);
  return {
    cause: "credentials",
    text: `The account ${user} is there and may sign in, but the password was not right.`,
    try: ["the user tries again: caps lock, keyboard layout", ...newPassword(user, account !== undefined)],
  };
}

function refusedAccount(reason: string, facts: LoginFacts): Cause {
  const { user, account, minUid } = facts;
  switch (reason) {
    case "expired":
      return expired(user, account?.expired);
    case "locked":
      return locked(user, account !== undefined);
    case "removed":
      return {
        cause: "removed",
        text: `The account ${user} was removed while its page was open.`,
        try: [
          "vdi users list",
          `${isDemoName(user) ? "vdi users add-demo" : "its lines in protected/users, then vdi deploy"}, if it should be there`,
        ],
      };
    case "password-expired":
      return {
        cause: "password-expired",
        text: `The password of ${user} was right but is too old, and cannot be changed in the page.`,
        try: newPassword(user, account !== undefined, "old"),
      };
    case "system":
      return {
        cause: "low-uid",
        text: `The password was right, but ${user} is an account of the system (uid ${account?.uid ?? "too low"}): none with a uid below ${minUid} gets a desktop.`,
        try: ["give the person an account of their own", "vdi config explain XPRA_MIN_UID"],
      };
    default:
      return {
        cause: "not-allowed",
        text: `The password was right, but the account rules (PAM, or host based access control of the directory) do not let ${user} in here.`,
        try: ["the rules of the directory service for this host and the service xpra", "vdi logs proxy --since 10m"],
      };
  }
}

function expired(user: string, since: string | undefined): Cause {
  const when = since === undefined ? "" : ` (its last day was ${since})`;
  return {
    cause: "expired",
    text: `The account ${user} has expired${when}.`,
    try: ["a later date in protected/users/shadow (8th field), or in the directory service", "vdi deploy"],
  };
}

function locked(user: string, isLocal: boolean): Cause {
  return {
    cause: "locked",
    text: `The account ${user} is locked: ${isLocal ? "it has no password that could be right" : "the directory service says so"}.`,
    try: newPassword(user, isLocal, "locked"),
  };
}

/** Too many wrong ones. */
export function tooMany(user: string): Cause {
  return {
    cause: "limited",
    text: `There were so many wrong passwords for ${user} from one address that further ones are not even looked at for a while: one attempt every ten seconds is.`,
    try: ["wait a minute, then sign in with the right password", "vdi logs proxy --since 10m, if somebody is guessing"],
  };
}
