import { describe, expect, it } from "vitest";
import { directoryConfigMaps } from "../../../src/manifests/config-maps.ts";

const names = { namespace: "vdi-stp", ingressNamespace: "ingress-vdi-stp", deployName: "xpra-proxy" };
const file = (path: string, content: string | Uint8Array): { path: string; content: Uint8Array } => ({
  path,
  content: typeof content === "string" ? Buffer.from(content) : content,
});

describe("directoryConfigMaps", () => {
  it("carries texts as text, the rest as base64, and says where each file goes", () => {
    const { objects, mounts } = directoryConfigMaps(names, "session_types", [
      file("default/xpra_startup_desktop.sh", "#!/bin/bash\n"),
      file("alice/logo.png", new Uint8Array([0x89, 0x50, 0, 0xff])),
    ]);
    expect(objects).toHaveLength(1);
    expect(objects[0]?.metadata).toMatchObject({ name: "xpra-proxy-session-types", namespace: "vdi-stp" });
    expect(objects[0]?.data).toEqual({ "default.xpra_startup_desktop.sh": "#!/bin/bash\n" });
    expect(objects[0]?.binaryData).toEqual({ "alice.logo.png": "iVAA/w==" });
    expect(mounts).toEqual([
      {
        name: "xpra-proxy-session-types",
        items: [
          { key: "alice.logo.png", path: "alice/logo.png" },
          { key: "default.xpra_startup_desktop.sh", path: "default/xpra_startup_desktop.sh" },
        ],
      },
    ]);
  });

  it("gives two paths that look alike two keys", () => {
    const { mounts } = directoryConfigMaps(names, "etc", [file("a/b", "1"), file("a.b", "2"), file("ü", "3"), file("ä", "4")]);
    const keys = mounts.flatMap(({ items }) => items.map(({ key }) => key));
    expect(new Set(keys).size).toBe(4);
    for (const key of keys) expect(key).toMatch(/^[-._a-zA-Z0-9]+$/);
  });

  it("splits what one ConfigMap cannot hold", () => {
    const half = new Uint8Array(600 * 1024).fill(97);
    const { objects, mounts } = directoryConfigMaps(names, "bin", [file("a", half), file("b", half), file("c", "x")]);
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(["xpra-proxy-bin", "xpra-proxy-bin-2"]);
    expect(mounts.map(({ items }) => items.map(({ path }) => path))).toEqual([["a"], ["b", "c"]]);
  });

  it("names a file that is too large", () => {
    expect(() => directoryConfigMaps(names, "bin", [file("big", new Uint8Array(1024 * 1024))])).toThrow(
      /to_container\/bin\/big is too large for a ConfigMap/,
    );
  });

  it("makes nothing of an empty directory", () => {
    expect(directoryConfigMaps(names, "bin", [])).toEqual({ objects: [], mounts: [] });
  });
});
