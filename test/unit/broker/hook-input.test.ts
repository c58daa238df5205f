import { expect, it } from "vitest";
import { parseHookInput } from "../../../src/broker/hook-input.ts";

it.each([
  ["USERNAME='alice'\nXPRA_POD_DISPLAY='desktop'\nXPRA_ARGV=\"xpra proxy --bind='x'\"\n", "alice", "desktop"],
  ['XPRA_POD_DISPLAY="mhd-x"\r\nUSERNAME=alice\r\n', "alice", "mhd-x"],
  ["USERNAME='a'b'\nXPRA_POD_DISPLAY='$(touch x)'", "a'b", "$(touch x)"],
  ["USERNAME='alice'", "alice", ""],
  ["", "", ""],
  ["export USERNAME='alice'\nXPRA_POD_DISPLAY=''", "alice", ""],
])("%j", (text, username, display) => {
  expect(parseHookInput(text)).toEqual({ username, display });
});
