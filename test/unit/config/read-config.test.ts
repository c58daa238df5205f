import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { imageOfType, imageVariable } from "../../../src/config/config.ts";
import { configurationError, lineOf } from "../../../src/config/diagnostics.ts";
import { findDeploymentDirectory } from "../../../src/config/directory.ts";
import { freshEnvFile } from "../../../src/config/env-file.ts";
import { type ConfigReading, readConfig } from "../../../src/config/read-config.ts";
import { isSecretName, variables } from "../../../src/config/variables.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const decided = "XPRA_REGISTRY_SRV=reg.example:5000\nEXTERNALIPS=192.0.2.1\nDOMNAME=example.org\nXPRA_WORKERS=\n";

function deployment(text: string, name = "vdi-stp"): string {
  const dir = path.join(temporaryDirectory("config"), name);
  mkdirSync(path.join(dir, "deploy"), { recursive: true });
  writeFileSync(path.join(dir, "deploy/vdi.env"), text);
  return dir;
}

function read(text: string, env: Record<string, string> = {}, flags: Record<string, string> = {}): ConfigReading {
  return readConfig({ dir: deployment(text), env, flags });
}

function problems(text: string, env: Record<string, string> = {}): readonly string[] {
  return read(text, env).diagnostics.map((diagnostic) => `${diagnostic.severity}: ${lineOf(diagnostic)}`);
}

describe("readConfig", () => {
  it("gives the defaults, derived ones too", () => {
    const { config, diagnostics } = read(decided);
    expect(diagnostics).toEqual([]);
    expect(config).toMatchObject({
      namespace: "vdi-stp",
      ingressNamespace: "ingress-vdi-stp",
      registry: "reg.example:5000",
      externalIps: ["192.0.2.1"],
      workers: undefined,
      deployName: "xpra-proxy",
      topdirInt: "/srv",
      images: { default: "reg.example:5000/vdi-xfce4", proxy: "reg.example:5000/vdi-proxy" },
      ssl: true,
      replicas: 1,
      port: 14500,
      serviceType: "ClusterIP",
      trafficPolicy: "Local",
      keepEndedSeconds: 600,
      keepFailedSeconds: 86_400,
      keepPendingSeconds: 600,
      startsAtOnce: undefined,
      minUid: 1000,
      timeZone: "Europe/Amsterdam",
      demoUsers: true,
      validateUser: true,
      authMethods: ["pam:service=xpra"],
    });
    expect(config?.topdirExt).toBe(`${config?.directory}/to_container`);
    expect(config?.origins.get("REPLICAS")).toEqual({ kind: "default" });
  });

  it("takes the file, then the environment, then the flags", () => {
    const text = `${decided}REPLICAS=2\nPORT=2000\nXPRA_MINE=file\nXPRA_MAIL_PASSWORD=\n`;
    const env = { PORT: "3000", NAMESPACE: "from-env", XPRA_MINE: "env", XPRA_STRAY: "x", XPRA_MAIL_PASSWORD: "hidden" };
    const { config } = read(text, env, { NAMESPACE: "from-flag" });
    expect(config).toMatchObject({ replicas: 2, port: 3000, namespace: "from-flag" });
    expect([...(config?.own.public ?? [])]).toEqual([["XPRA_MINE", "env"]]);
    expect([...(config?.own.secret ?? [])]).toEqual([["XPRA_MAIL_PASSWORD", "hidden"]]);
    expect(config?.origins.get("REPLICAS")).toEqual({ kind: "file", file: "deploy/vdi.env", line: 5 });
    expect(config?.origins.get("PORT")).toEqual({ kind: "environment" });
    expect(config?.origins.get("NAMESPACE")).toEqual({ kind: "flag" });
  });

  it("replaces references by the values that count, and takes those of the environment as they are", () => {
    const { config } = read(`${decided}HOST=images\nIMAGE_DEFAULT=\${HOST}.\${DOMNAME}/x\nXPRA_A='\${DOMNAME}'\nXPRA_B=\n`, {
      DOMNAME: "other.net",
      XPRA_B: "${DOMNAME}",
    });
    expect(config?.images.default).toBe("images.other.net/x");
    expect(Object.fromEntries(config?.own.public ?? [])).toEqual({ XPRA_A: "${DOMNAME}", XPRA_B: "${DOMNAME}" });
    expect(config?.values.has("HOST")).toBe(false);
  });

  it("names every CHANGEME with file and line, and not what refers to them", () => {
    expect(problems("XPRA_REGISTRY_SRV=CHANGEME:5000\nDOMNAME=CHANGEME\nXPRA_WORKERS=CHANGEMENT\nXPRA_MINE=CHANGEME\n")).toEqual([
      "error: deploy/vdi.env:1: XPRA_REGISTRY_SRV is still CHANGEME",
      "error: deploy/vdi.env:2: DOMNAME is still CHANGEME",
      "error: deploy/vdi.env:3: XPRA_WORKERS must be node names, separated by spaces, or 'all'; 'CHANGEMENT' is none (it is 'CHANGEMENT')",
      "error: deploy/vdi.env:4: XPRA_MINE is still CHANGEME",
      "error: deploy/vdi.env: EXTERNALIPS has no line, and its default is CHANGEME",
    ]);
    const reading = read(freshEnvFile());
    const error = configurationError(reading.file, reading.diagnostics);
    expect(error.exitCode).toBe(2);
    expect(error.what).toBe("4 variables are still CHANGEME");
    expect(error.why?.split("\n").map((line) => line.replace(/:\d+:/, ":N:"))).toEqual(
      ["XPRA_REGISTRY_SRV", "EXTERNALIPS", "DOMNAME", "XPRA_WORKERS"].map((name) => `deploy/vdi.env:N: ${name} is still CHANGEME`),
    );
  });

  it("keeps every own variable from sessions whose name says that it is a secret, and none of the known ones by that", () => {
    const names = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "KEY"].map((word) => `XPRA_DB_${word}`);
    const { config } = read(`${decided}${names.map((name) => `${name}=geheim99\n`).join("")}XPRA_MINE=x\n`);
    expect([...(config?.own.secret.keys() ?? [])]).toEqual(names);
    expect([...(config?.own.public.keys() ?? [])]).toEqual(["XPRA_MINE"]);
    expect(variables.filter(({ name, secret }) => isSecretName(name) && secret !== true).map(({ name }) => name)).toMatchInlineSnapshot(`
      [
        "SSL_KEY",
        "XPRA_SERVER_KEY",
        "SECRET_NAME_CRT",
        "SECRET_NAME_KEY",
        "SECRET_NAME_KUBE",
      ]
    `);
  });

  it("finds circles and references to nothing, once each", () => {
    expect(
      problems(
        `${decided}XPRA_A=\${XPRA_B}\nXPRA_B=x\${XPRA_C}\nXPRA_C=\${XPRA_A}\nXPRA_D=\${HOME}\nXPRA_E=\${XPRA_D}\nXPRA_F=\${XPRA_F}\n`,
      ),
    ).toEqual([
      "error: deploy/vdi.env:7: XPRA_A refers to itself: XPRA_A -> XPRA_B -> XPRA_C -> XPRA_A",
      "error: deploy/vdi.env:8: XPRA_D refers to HOME, which is not a variable of this configuration",
      "error: deploy/vdi.env:10: XPRA_F refers to itself: XPRA_F -> XPRA_F",
    ]);
  });

  it.each([
    ["NAMESPACE=Vdi", "NAMESPACE must be lower case"],
    [`NAMESPACE=${"a".repeat(55)}`, "at most 54 characters"],
    ["XPRA_REGISTRY_SRV=https://reg:5000", "without http://"],
    ["XPRA_REGISTRY_SRV=reg:99999", "between 1 and 65535"],
    ["XPRA_REGISTRY_SRV=harbor", "Docker Hub; write harbor:443"],
    ["XPRA_REGISTRY_SRV=harbor/vdi", "Docker Hub"],
    ["EXTERNALIPS=192.0.2.256", "must be IPv4 addresses, separated"],
    ["EXTERNALIPS='192.0.2.1 2001:db8::1'", "nobody would be answered on 2001:db8::1"],
    ["XPRA_CLUSTER_NETWORKS=10.244.0.0/33", "must be networks such as 10.244.0.0/16"],
    ["XPRA_CLUSTER_NETWORKS=10.244.0.0", "must be networks such as 10.244.0.0/16"],
    ["EXTERNALIPS=", "nobody could reach the proxies"],
    ["REPLICAS=two", "must be a whole number"],
    ["PORT=80", "between 1024 and 65535"],
    ["SSL=maybe", "must be 'on' or 'off'"],
    ["XPRA_AUTH_METHOD=file,pam", "set pam:service=NAME"],
    ["XPRA_AUTH_METHOD=pam:service=../x", "set pam:service=NAME"],
    ["XPRA_LOCAL_TIME=/etc/localtime", "/usr/share/zoneinfo/Europe/Amsterdam"],
    ["XPRA_SCREEN=big", "WIDTHxHEIGHT"],
    ["XPRA_KEEP_ENDED=soon", "must be a duration"],
    ["XPRA_SESSION_MEMORY_REQUEST=3Gi", "is more than XPRA_SESSION_MEMORY_LIMIT"],
    ["XPRA_TOPDIR_INT=srv", "must be an absolute path"],
    ["XPRA_TOPDIR_INT=/srv/../etc", "must not hold '..'"],
    ['XPRA_TOPDIR_INT="/opt/vdi desktops"', "must hold only letters"],
    ["IMAGE_OFFICE=a b", "must be an image"],
    ["XPRA_VALIDATE_USER=N", "XPRA_OPEN_DOOR"],
    ["XPRA_PASSWORD=x", "vdi itself sets"],
    ["NAMSPACE=x", "did you mean NAMESPACE?"],
    ["ANYTHING=x", "your own variables begin with XPRA_"],
    ["bad line", "not a NAME=value line"],
  ])("refuses %j", (line, words) => {
    const reading = read(`${decided}${line}\n`);
    expect(reading.config).toBeUndefined();
    const errors = reading.diagnostics.filter((diagnostic) => diagnostic.severity === "error");
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toContain(words);
    expect(errors[0]).toMatchObject({ file: "deploy/vdi.env", line: 5 });
  });

  it("warns of what has no effect, and of likely slips", () => {
    expect(problems(`${decided}KUBE_CONFIG=/root/.kube/config\nXPRA_WORKER=x\nREPLICAS=1\nREPLICAS=2\nXPRA_STATUS_DIR=/srv/s\n`)).toEqual([
      expect.stringMatching(/^warning: .*:5: KUBE_CONFIG is not used any more: no pod gets/),
      expect.stringMatching(/^warning: .*:6: XPRA_WORKER counts as one of your own variables; did you mean XPRA_WORKERS\?/),
      expect.stringMatching(/^warning: .*:8: REPLICAS has a value in line 7 already/),
      expect.stringMatching(/^warning: .*:9: XPRA_STATUS_DIR is read, but/),
    ]);
  });

  it("never shows a secret in a problem", () => {
    const text = problems(`${decided}IDM_ADMIN_PASSWORD=hunter2!\n`).join("\n");
    expect(text).toContain("must be base64 text");
    expect(text).not.toContain("hunter2");
  });

  it("says where an environment's value comes from", () => {
    expect(problems(decided, { PORT: "x" })).toEqual(["error: PORT must be a whole number (it is 'x'), in the environment"]);
  });
});

describe("images of session types", () => {
  it("are named by the type in capitals", () => {
    const { config } = read(`${decided}IMAGE_DESKTOP_OFFICE=reg/office\n`);
    if (config === undefined) throw new Error("the configuration should be fine");
    expect(imageVariable("desktop-office")).toBe("IMAGE_DESKTOP_OFFICE");
    expect(imageOfType(config, "desktop-office")).toBe("reg/office");
    expect(imageOfType(config, "desktop")).toBe("reg.example:5000/vdi-xfce4");
  });
});

describe("the deployment directory", () => {
  it("is that of --dir, else the nearest parent, else ./NAMESPACE", () => {
    const dir = deployment(decided);
    const inside = path.join(dir, "to_container/bin");
    mkdirSync(inside, { recursive: true });
    expect(findDeploymentDirectory({ cwd: "/", dir })).toBe(dir);
    expect(findDeploymentDirectory({ cwd: inside })).toBe(dir);
    expect(findDeploymentDirectory({ cwd: path.dirname(dir), namespace: "vdi-stp" })).toBe(dir);
    expect(() => findDeploymentDirectory({ cwd: path.dirname(dir) })).toThrow(/no deployment directory was found/);
    expect(() => findDeploymentDirectory({ cwd: dir, dir: "elsewhere" })).toThrow(/is not a deployment directory/);
  });
});
