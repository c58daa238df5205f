import { setMaxListeners } from "node:events";

/** Gives the same signal, which any number of requests under way may listen to from now on: that is no leak for Node to warn of. */
export function manyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
