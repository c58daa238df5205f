import type { Check } from "./check.ts";
import { clusterChecks } from "./cluster.ts";
import { deploymentChecks } from "./deployment.ts";
import { directoryChecks } from "./directory.ts";
import { doorChecks } from "./doors.ts";
import { imageChecks } from "./images.ts";
import { machineChecks } from "./machine.ts";
import { networkChecks } from "./network.ts";
import { placeChecks } from "./place.ts";
import { rightsChecks } from "./rights.ts";
import { sessionChecks } from "./sessions.ts";
import type { World } from "./world.ts";

/** Every check, in the order in which results are shown; what a check needs comes before it. */
export const allChecks: readonly Check<World>[] = [
  ...machineChecks,
  ...directoryChecks,
  ...clusterChecks,
  ...imageChecks,
  ...placeChecks,
  ...deploymentChecks,
  ...networkChecks,
  ...doorChecks,
  ...rightsChecks,
  ...sessionChecks,
];

/** The checks that make sense before there is a deployment. */
export const checksBefore: readonly Check<World>[] = allChecks.filter(({ onlyDeployed }) => onlyDeployed !== true);
