import type { V1Pod } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { type SessionPodSettings, sessionPod } from "../../../src/manifests/session-pod.ts";
import type { SessionRequest } from "../../../src/session/session-request.ts";
import { groupEntries, groupFile, passwdEntry, passwdFile, type SessionUser, sessionHome } from "../../../src/session/session-user.ts";

const alice: SessionUser = {
  name: "alice",
  uid: 20001,
  gid: 20000,
  home: "/home/alice",
  shell: "/bin/bash",
  gecos: "Alice $(id) $HOME",
  groups: [
    { name: "users", gid: 20000 },
    { name: "staff", gid: 21000 },
    { name: "root", gid: 0 },
  ],
};

const settings: SessionPodSettings = {
  namespace: "vdi-test",
  port: 14500,
  topdirInt: "/srv",
  resources: { cpuRequest: "100m", memoryLimit: "2Gi", ephemeralLimit: "1Gi" },
  screen: "3840x2160",
  timeZone: "Europe/Amsterdam",
  sessionEnv: { XPRA_SITE: "a$b$$c$(USER)", XPRA_PASSWORD: "no", USER: "root" },
  preStop: "xpra stop",
  gracePeriodSeconds: 30,
  kubernetes: {
    nodeSelector: { "xpra_run_vdi-test": "true" },
    imagePullSecrets: ["registry"],
    configMaps: { session_types: [{ name: "types", items: [{ key: "a", path: "default/xpra_startup_desktop.sh" }] }], etc: [] },
    serviceAccountName: "vdi-session",
  },
};

const request: SessionRequest = {
  name: "alice-desktop",
  user: alice,
  type: "desktop",
  display: "mhd-desktop",
  script: "default/xpra_startup_desktop.sh",
  image: "registry:5000/vdi-xfce4@sha256:1234",
  secret: "Secret0123456789",
};

/** What Pod Security `restricted` asks for, and what we add to it: a list of what is not so. */
function violations(pod: V1Pod): string[] {
  const { spec } = pod;
  const found: string[] = [];
  const want = (holds: boolean, what: string): void => {
    if (!holds) found.push(what);
  };
  const allowedVolumes = new Set([
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
  ]);
  want(spec?.hostNetwork !== true && spec?.hostPID !== true && spec?.hostIPC !== true, "host namespaces");
  want(spec?.securityContext?.runAsNonRoot === true, "runAsNonRoot");
  want((spec?.securityContext?.runAsUser ?? 0) > 0 && (spec?.securityContext?.runAsGroup ?? 0) > 0, "uid and gid");
  want(!(spec?.securityContext?.supplementalGroups ?? []).includes(0), "group 0");
  want(spec?.securityContext?.seccompProfile?.type === "RuntimeDefault", "seccomp");
  want(spec?.automountServiceAccountToken === false, "token");
  want(spec?.initContainers === undefined && spec?.ephemeralContainers === undefined, "other containers");
  for (const volume of spec?.volumes ?? []) {
    want(
      Object.keys(volume).every((key) => key === "name" || allowedVolumes.has(key)),
      `volume ${volume.name}`,
    );
  }
  for (const { securityContext, ports } of spec?.containers ?? []) {
    want(securityContext?.allowPrivilegeEscalation === false, "privilege escalation");
    want(securityContext?.capabilities?.drop?.includes("ALL") === true && securityContext.capabilities.add === undefined, "capabilities");
    want(securityContext?.readOnlyRootFilesystem === true, "root filesystem");
    want(securityContext?.privileged !== true && securityContext?.runAsUser === undefined, "privileged");
    want(ports?.every(({ hostPort }) => hostPort === undefined) === true, "host port");
  }
  return found;
}

/** Kubernetes' own rule for `$` in a variable's value. */
function expand(value: string, variables: ReadonlyMap<string, string>): string {
  return value.replace(/\$(\$|\(([^)]*)\))/g, (whole, _, name: string | undefined) =>
    whole === "$$" ? "$" : (variables.get(name ?? "") ?? whole),
  );
}

function environment(pod: V1Pod): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, value } of pod.spec?.containers[0]?.env ?? []) if (value !== undefined) values.set(name, expand(value, values));
  return values;
}

describe("sessionPod", () => {
  it("is what Pod Security restricted asks for", () => {
    expect(violations(sessionPod(settings, request))).toEqual([]);
  });

  it("has exactly these fields", () => {
    const pod = sessionPod(settings, request);
    expect({ ...pod, spec: { ...pod.spec, containers: pod.spec?.containers.map(({ env, ...rest }) => rest) } }).toEqual({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "alice-desktop",
        namespace: "vdi-test",
        labels: {
          "app.kubernetes.io/name": "vdi-session",
          "app.kubernetes.io/managed-by": "vdi",
          "app.kubernetes.io/part-of": "vdi-test",
          "vdi.xpra.org/type": "desktop",
        },
        annotations: {
          "vdi.xpra.org/owner": "alice",
          "vdi.xpra.org/display": "mhd-desktop",
          "vdi.xpra.org/type": "desktop",
          "vdi.xpra.org/passwd": passwdFile(alice),
          "vdi.xpra.org/group": groupFile(alice),
        },
      },
      spec: {
        restartPolicy: "Never",
        serviceAccountName: "vdi-session",
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 30,
        nodeSelector: { "xpra_run_vdi-test": "true" },
        imagePullSecrets: [{ name: "registry" }],
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 20001,
          runAsGroup: 20000,
          supplementalGroups: [21000],
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [
          {
            name: "session",
            image: "registry:5000/vdi-xfce4@sha256:1234",
            imagePullPolicy: "IfNotPresent",
            command: ["/usr/lib/vdi/bin/session-entry"],
            ports: [{ name: "xpra", containerPort: 14500, protocol: "TCP" }],
            resources: { requests: { cpu: "100m" }, limits: { memory: "2Gi", "ephemeral-storage": "1Gi" } },
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] }, readOnlyRootFilesystem: true },
            lifecycle: { preStop: { exec: { command: ["/bin/sh", "-c", "xpra stop"] } } },
            volumeMounts: [
              { name: "tmp", mountPath: "/tmp" },
              { name: "run-user", mountPath: "/run/user" },
              { name: "shm", mountPath: "/dev/shm" },
              { name: "home", mountPath: "/home" },
              { name: "identity", mountPath: "/etc/passwd", subPath: "passwd", readOnly: true },
              { name: "identity", mountPath: "/etc/group", subPath: "group", readOnly: true },
              { name: "dir-session-types", mountPath: "/srv/session_types", readOnly: true },
            ],
          },
        ],
        volumes: [
          { name: "tmp", emptyDir: { sizeLimit: "1Gi" } },
          { name: "run-user", emptyDir: { sizeLimit: "64Mi" } },
          { name: "home", emptyDir: { sizeLimit: "1Gi" } },
          { name: "shm", emptyDir: { medium: "Memory", sizeLimit: "256Mi" } },
          {
            name: "identity",
            downwardAPI: {
              defaultMode: 0o444,
              items: [
                { path: "passwd", fieldRef: { fieldPath: "metadata.annotations['vdi.xpra.org/passwd']" } },
                { path: "group", fieldRef: { fieldPath: "metadata.annotations['vdi.xpra.org/group']" } },
              ],
            },
          },
          {
            name: "dir-session-types",
            projected: {
              defaultMode: 0o555,
              sources: [{ configMap: { name: "types", optional: true, items: [{ key: "a", path: "default/xpra_startup_desktop.sh" }] } }],
            },
          },
        ],
      },
    });
  });

  it("gives session scripts the environment that they count on", () => {
    const values = environment(sessionPod(settings, request));
    expect(Object.fromEntries(values)).toEqual({
      XPRA_SITE: "a$b$$c$(USER)",
      SRC_PORT: "14500",
      PORT: "14500",
      U_UID: "20001",
      U_GID: "20000",
      U_HOME: "/home/alice",
      USER: "alice",
      LOGNAME: "alice",
      HOME: "/home/alice",
      PATH: "/srv/bin:/usr/lib/vdi/bin:/usr/local/bin:/usr/bin:/bin",
      XDG_RUNTIME_DIR: "/run/user/20001",
      DNAME: "alice-desktop",
      NAMESPACE: "vdi-test",
      XPRA_POD_DISPLAY: "mhd-desktop",
      XPRA_SESSION: "desktop",
      XPRA_TOPDIR_INT: "/srv",
      XPRA_MHD: "NHD",
      XPRA_MODE: "session",
      TZ: "Europe/Amsterdam",
      PASSWD_ENTRY: "alice:x:20001:20000:Alice $(id) $HOME:/home/alice:/bin/bash",
      GROUP_ENTRIES: "users:x:20000:alice\nstaff:x:21000:alice",
      PRESTOP_CMD: "xpra stop",
      XPRA_SCREEN: "3840x2160",
      VDI_SESSION_SCRIPT: "/srv/session_types/default/xpra_startup_desktop.sh",
      XPRA_PASSWORD: "Secret0123456789",
    });
  });

  it("names as many of very many groups as one variable can hold, and is in all of them", () => {
    const groups = Array.from({ length: 1_000 }, (_, at) => ({ name: `group-${at}-${"x".repeat(180)}`, gid: 30_000 + at }));
    const user = { ...alice, groups };
    const entries = groupEntries(user);
    expect(Buffer.byteLength(entries.join("\n"))).toBeLessThan(128 * 1024);
    expect(entries.length).toBeGreaterThan(500);
    expect(sessionPod(settings, { ...request, user }).spec?.securityContext?.supplementalGroups).toContain(30_999);
  });

  it("leaves out what is not configured", () => {
    const pod = sessionPod(
      { ...settings, resources: {}, preStop: "", kubernetes: { ...settings.kubernetes, nodeSelector: {}, imagePullSecrets: [] } },
      { ...request, image: "registry/vdi-xfce4" },
    );
    expect(Object.keys(pod.spec ?? {})).not.toEqual(expect.arrayContaining(["nodeSelector"]));
    expect(pod.spec?.imagePullSecrets).toBeUndefined();
    expect(pod.spec?.containers[0]).toMatchObject({ resources: {} });
    expect(pod.spec?.containers[0]?.lifecycle).toBeUndefined();
    expect(pod.spec?.containers[0]?.imagePullPolicy).toBeUndefined();
  });
});

describe("a user's files", () => {
  it("cannot be broken by what a directory has in its fields", () => {
    expect(passwdEntry({ ...alice, gecos: "x:0:0\nroot::0:0", shell: "" })).toBe(
      "alice:x:20001:20000:x 0 0 root  0 0:/home/alice:/bin/bash",
    );
    expect(groupFile(alice)).toBe("root:x:0:\ntty:x:5:\nnogroup:x:65534:\nusers:x:20000:alice\nstaff:x:21000:alice\n");
  });

  it.each([
    ["/home/alice", "/home/alice", "/home"],
    ["/data/homes/a/alice", "/data/homes/a/alice", "/data/homes/a"],
    ["/root", "/home/alice", "/home"],
    ["/alice", "/home/alice", "/home"],
    ["/etc/alice", "/home/alice", "/home"],
    ["/usr/../etc/alice", "/home/alice", "/home"],
    ["relative/alice", "/home/alice", "/home"],
    ["", "/home/alice", "/home"],
  ])("home %s becomes %s on a volume at %s", (home, inside, parent) => {
    expect(sessionHome({ ...alice, home })).toEqual({ home: inside, parent });
  });
});
