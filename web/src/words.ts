import type { Problem } from "./types.ts";

const phases: Readonly<Record<string, string>> = {
  asking: "Asking for your session",
  queued: "Waiting for your turn",
  scheduling: "Finding a place for your session",
  preparing: "Preparing the machine",
  pulling: "Fetching the software",
  starting: "Starting your session",
  connecting: "Connecting to your session",
  again: "The service does not answer at this moment. Trying again",
};

/** The words for a phase of starting that came without words of its own. */
export function phaseWords(phase: string): string {
  return phases[phase] ?? "Preparing your session";
}

/** Seconds as `0:07`, `12:30` or `1:02:03`. */
export function elapsedWords(milliseconds: number): string {
  const total = Math.max(0, Math.floor(milliseconds / 1000));
  const seconds = String(total % 60).padStart(2, "0");
  const minutes = Math.floor(total / 60) % 60;
  const hours = Math.floor(total / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

const advice: Readonly<Record<string, string>> = {
  credentials: "Check the name and the password, and that Caps Lock is off.",
  account: "Ask the people who run this service about your account.",
  busy: "Wait a minute, then try again.",
  unavailable: "Try again in a minute. If it stays so, tell the people who run this service.",
  offline: "Check your network connection, then try again.",
  expired: "Sign in again. A running session is still there.",
  page: "Load this page again and sign in. A running session is still there.",
  locked: "Close that client, or start it without its lock option. Then try again.",
  "no-such-type": "Choose another session.",
  "bad-display": "Choose another session.",
  unexpected: "Try again. If it happens again, tell the people who run this service what is written here.",
};

/** What the user can do about a problem of this kind. */
export function adviceFor(reason: string): string {
  return advice[reason] ?? advice.unexpected ?? "";
}

/** A part of the page is missing, and what a browser failed to fetch it does not fetch again for the same page. */
export function incompletePage(): Problem {
  const why = "A part of it could not be fetched. This also happens when the service was updated meanwhile.";
  return problem("page", "This page could not be loaded as a whole.", why);
}

/** A problem with the advice that belongs to its kind. */
export function problem(reason: string, what: string, why?: string): Problem {
  const tryThis = adviceFor(reason);
  return why === undefined || why === "" ? { reason, what, tryThis } : { reason, what, why, tryThis };
}
