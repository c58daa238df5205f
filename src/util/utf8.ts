import { isUtf8 } from "node:buffer";
import { ExitCode } from "./exit-code.ts";
import { VdiError } from "./vdi-error.ts";

/**
 * The text of bytes that have to be UTF-8, as those of a file that is written back: what cannot be decoded would be lost. Throws a usage
 * error that names the line and not what stands in it. A byte order mark stays. Pure.
 */
export function utf8Text(bytes: Buffer, place: { readonly name: string; readonly try: string }): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let line = 1;
  for (let start = 0; ; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) break;
    start = end + 1;
  }
  throw new VdiError({
    what: `${place.name} is not UTF-8`,
    why: `line ${line} has bytes that belong to no character`,
    try: place.try,
    exitCode: ExitCode.usage,
  });
}
