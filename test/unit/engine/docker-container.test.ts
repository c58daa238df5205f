import { describe, expect, it } from "vitest";
import { type DockerSessionSettings, sessionContainerBody } from "../../../src/engine/docker-container.ts";
import { endingName, homeVolumeName, isEndingName, sessionObject } from "../../../src/engine/docker-names.ts";
import type { SessionRequest } from "../../../src/session/session-request.ts";

const settings: DockerSessionSettings = {
  namespace: "demo",
  port: 14500,
  topdirInt: "/srv",
  resources: { cpuRequest: "100m", cpuLimit: "1500m", memoryLimit: "2Gi", ephemeralLimit: "1Gi" },
  screen: "3840x2160",
  timeZone: "Europe/Amsterdam",
  sessionEnv: { XPRA_SITE: "a$b$$c$(USER)", XPRA_PASSWORD: "no", USER: "root", IP_ADDRESS: "no" },
  preStop: "xpra stop",
  gracePeriodSeconds: 30,
  docker: {
    socket: "/var/run/docker.sock",
    network: "10.213.0.0/16",
    directories: ["session_types", "bin"],
    pidsLimit: 512,
    identityDirectory: "/var/lib/vdi/identity",
  },
};

const request: SessionRequest = {
  name: "alice-desktop",
  user: {
    name: "alice",
    uid: 20001,
    gid: 20000,
    home: "/data/homes/alice",
    shell: "/bin/bash",
    gecos: "Alice",
    groups: [
      { name: "users", gid: 20000 },
      { name: "staff", gid: 21000 },
      { name: "root", gid: 0 },
    ],
  },
  type: "desktop",
  display: "mhd-desktop",
  script: "default/xpra_startup_desktop.sh",
  image: "vdi-xfce4",
  secret: "Secret0123456789",
};

const identities = "/var/lib/docker/volumes/vdi-demo-identity/_data";
const parts = "alice-desktop--0123456789ab";
const identity = `${identities}/${parts}`;

describe("a session's container", () => {
  it("has exactly these fields", () => {
    const { Env: _, ...body } = sessionContainerBody(settings, request, parts, identities);
    expect(body).toEqual({
      Image: "vdi-xfce4",
      Hostname: "alice-desktop",
      User: "20001:20000",
      Entrypoint: ["/usr/lib/vdi/bin/session-entry"],
      Cmd: [],
      Labels: {
        "vdi.xpra.org/deployment": "demo",
        "vdi.xpra.org/component": "session",
        "vdi.xpra.org/session": "alice-desktop",
        "vdi.xpra.org/parts": parts,
        "vdi.xpra.org/owner": "alice",
        "vdi.xpra.org/uid": "20001",
        "vdi.xpra.org/type": "desktop",
        "vdi.xpra.org/display": "mhd-desktop",
      },
      ExposedPorts: { "14500/tcp": {} },
      StopSignal: "SIGTERM",
      StopTimeout: 30,
      HostConfig: {
        NetworkMode: `vdi-demo-s-${parts}`,
        GroupAdd: ["21000"],
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        ReadonlyRootfs: true,
        Privileged: false,
        IpcMode: "private",
        PidsLimit: 512,
        ShmSize: 268435456,
        Memory: 2147483648,
        MemorySwap: 2147483648,
        CpuPeriod: 100000,
        CpuQuota: 150000,
        Tmpfs: { "/run/user": "rw,exec,nosuid,nodev,mode=1777,size=64m" },
        RestartPolicy: { Name: "no" },
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } },
        Mounts: [
          { Type: "volume", Target: "/tmp" },
          {
            Type: "volume",
            Source: "vdi-demo-home-alice",
            Target: "/data/homes",
            VolumeOptions: {
              NoCopy: true,
              Labels: {
                "vdi.xpra.org/deployment": "demo",
                "vdi.xpra.org/component": "home",
                "vdi.xpra.org/owner": "alice",
              },
            },
          },
          { Type: "bind", Source: `${identity}/passwd`, Target: "/etc/passwd", ReadOnly: true },
          { Type: "bind", Source: `${identity}/group`, Target: "/etc/group", ReadOnly: true },
          {
            Type: "volume",
            Source: "vdi-demo-session_types",
            Target: "/srv/session_types",
            ReadOnly: true,
            VolumeOptions: { NoCopy: true },
          },
          { Type: "volume", Source: "vdi-demo-bin", Target: "/srv/bin", ReadOnly: true, VolumeOptions: { NoCopy: true } },
        ],
      },
    });
  });

  it("gives the admin's variables as they are, and lets none replace one of the session's", () => {
    const { Env: lines } = sessionContainerBody(settings, request, parts, identities);
    expect(lines).toContain("XPRA_SITE=a$b$$c$(USER)");
    expect(lines.filter((line) => /^(?:USER|XPRA_PASSWORD|IP_ADDRESS)=/.test(line))).toEqual([
      "USER=alice",
      "XPRA_PASSWORD=Secret0123456789",
    ]);
  });

  it("has no limit that is not configured", () => {
    const { HostConfig: host } = sessionContainerBody({ ...settings, resources: { memoryLimit: "" } }, request, parts, identities);
    expect(Object.keys(host).filter((key) => /Memory|Cpu/.test(key))).toEqual([]);
  });
});

describe("names on an engine", () => {
  it("tell a session that is to end from one that is not, whatever users are called", () => {
    const id = "0123456789abcdef0123";
    expect(endingName("demo", "alice-desktop", id)).toBe("vdi-demo-s-alice-desktop--ending-0123456789ab");
    expect(isEndingName(endingName("demo", "alice-desktop", id))).toBe(true);
    // Two dashes are in hashed names only, and a hash has no dash in it.
    expect(isEndingName(sessionObject("demo", "ending-desktop"))).toBe(false);
    expect(isEndingName(sessionObject("demo", "x--0123456789ab"))).toBe(false);
    expect(isEndingName(sessionObject("a--ending-b", "alice-desktop"))).toBe(false);
  });

  it("give no two users one home, and are names of volumes", () => {
    const users = ["alice", "Alice", "alice@site", "a--b", "a-b", "ä", "ö", `${"x".repeat(300)}`, `${"x".repeat(299)}y`];
    const names = users.map((user) => homeVolumeName("demo", user));
    expect(new Set(names).size).toBe(users.length);
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,200}$/);
  });
});
