import { describe, expect, it } from "vitest";
import { redactor } from "../../e2e/support/redact.ts";

describe("what a failed test keeps", () => {
  it.each([
    ["a known secret, wherever it stands", "xs3cr3tPlaceY", "x[redacted]Y"],
    ["a password in an address", "tcp://alice:Ab3d/e@10.0.0.1:14500/", "tcp://alice:[redacted]@10.0.0.1:14500/"],
    ["a bearer", "Authorization: Bearer abc.def-1", "Authorization: Bearer [redacted]"],
    ["a password in JSON", '{"user":"a","password":"p \\"w","b":1}', '{"user":"a","password":"[redacted]","b":1}'],
    ["a variable as kubectl describes it", "      XPRA_PASSWORD:     Ab3dEf", "      XPRA_PASSWORD:     [redacted]"],
    ["a ticket in JSON", '{"ticket":"abcdef"}', '{"ticket":"[redacted]"}'],
    ["a web token", "x eyJhbGciOiJS.eyJpc3MiOiJr.c2ln y", "x [redacted] y"],
    ["a key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "[redacted private key]"],
    ["a hash of a password", "alice:$6$salt$Hash0123:19000", "alice:[redacted hash]:19000"],
  ])("has not %s", (_what, text, wanted) => {
    expect(redactor(["s3cr3tPlace", "abc"])(text)).toBe(wanted);
  });

  it("is left as it is otherwise", () => {
    const text = 'Secret "x" not found; password: <set to the key>; tokens 3; https://host:443/a; {"token":null}';
    expect(redactor([])(text)).toBe(text);
  });
});
