import { describe, expect, it } from "vitest";
import { sessionTypeEntries } from "../../../src/deployment/session-type-entries.ts";

const script = (path: string, text = "#!/bin/bash\n", executable = true): { path: string; content: Uint8Array; executable: boolean } => ({
  path,
  content: Buffer.from(text),
  executable,
});

describe("sessionTypeEntries", () => {
  it("reads scope, type and the words of the comments", () => {
    const text =
      "#!/bin/bash\n# title: Office desktop\n#description: LibreOffice and mail\n# icon: office.svg\n# title: not this one\nxpra start\n";
    expect(sessionTypeEntries([script("staff/xpra_startup_desktop-office.sh", text)])).toEqual({
      entries: [
        {
          scope: "staff",
          type: "desktop-office",
          script: "staff/xpra_startup_desktop-office.sh",
          title: "Office desktop",
          description: "LibreOffice and mail",
          icon: "office.svg",
        },
      ],
      warnings: [],
    });
  });

  it("passes over what is no session type, and says so when it looks like one", () => {
    const { entries, warnings } = sessionTypeEntries([
      script("default/xpra_startup_seamless.sh", "", false),
      script("xpra_startup_top.sh"),
      script("default/xpra_startup_two words.sh"),
      script("default/functions.sh"),
      script("default/deep/xpra_startup_x.sh"),
    ]);
    expect(entries).toEqual([]);
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toContain("chmod +x");
  });
});
