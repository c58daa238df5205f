import { describe, expect, it } from "vitest";
import { adminSentence, adminWords, isReason, type Reason, reasons } from "../../../src/session/reasons.ts";
import { dockerWords } from "../../../src/session/reasons-docker.ts";
import { SessionRefusal } from "../../../src/session/refusal.ts";

const all = Object.entries(reasons) as [Reason, (typeof reasons)[Reason]][];

const onlyOnClusters = ["no-namespace", "policy", "no-node", "volume", "sandbox", "machine-away", "disk", "evicted"];

describe("the table of reasons", () => {
  it.each(all)("%s has words for everybody", (_, { user, previous, admin, try: hints }) => {
    for (const sentence of [user, ...(previous === undefined ? [] : [previous])]) {
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      expect(sentence.length).toBeLessThan(160);
      // Users know desktops and machines.
      expect(sentence).not.toMatch(/\b(?:pod|node|cluster|namespace|container|image|quota|kubectl|vdi)\b/i);
    }
    expect(admin).toMatch(/^(?:[a-z]|Pod Security|a ResourceQuota).*[^.]$/);
    expect(hints.length).toBeGreaterThan(0);
  });

  it("tells a refusal's words and code by its reason alone", () => {
    expect(new SessionRefusal("no-room", { detail: "exceeded quota" })).toMatchObject({
      code: 1,
      reason: "no-room",
      message: reasons["no-room"].user,
      detail: "exceeded quota",
    });
    expect(new SessionRefusal("no-such-type", { message: "There is no\n type x." })).toMatchObject({
      code: 4,
      message: "There is no type x.",
    });
  });

  it("names the deployment and the session to the admin", () => {
    const sentence = adminSentence("stuck", { namespace: "vdi-stp", session: "alice-desktop" });
    expect(sentence).toContain("kubectl delete pod -n vdi-stp alice-desktop --force");
    expect(sentence).not.toMatch(/\b(?:NS|POD|NAME)\b/);
    expect(adminSentence("broker-away", { namespace: "a" })).toContain("ingress-a");
    expect(adminSentence("no-room", { namespace: "a" })).toContain("vdi sessions stop NAME");
  });

  it.each(Object.entries(dockerWords))("%s speaks of an engine, and of no cluster, where there is none", (reason, { try: hints }) => {
    const { admin } = adminWords(reason as Reason, "docker");
    expect(admin).toMatch(/^[a-z].*[^.]$/);
    expect(hints.length).toBeGreaterThan(0);
    for (const words of [admin, ...hints])
      expect(words).not.toMatch(/\b(?:pods?|nodes?|cluster|namespaces?|kubectl|ConfigMap|vdi deploy)\b/i);
  });

  it("has words of its own for an engine wherever those for a cluster speak of one", () => {
    const left = all.filter(([reason, { admin, try: hints }]) => {
      const speaks = [admin, ...hints].some((words) => /\b(?:pods?|nodes?|cluster|NS|kubectl|vdi deploy)\b/.test(words));
      return speaks && dockerWords[reason] === undefined;
    });
    // An engine is never the cause of these.
    expect(left.map(([reason]) => reason)).toEqual(onlyOnClusters);
    expect(adminSentence("crashed", { namespace: "demo", session: "alice-desktop" }, "docker")).toContain(
      "docker logs vdi-demo-s-alice-desktop",
    );
  });

  it("knows its own reasons", () => {
    expect(isReason("memory")).toBe(true);
    expect(["toString", "", "Memory"].filter(isReason)).toEqual([]);
  });
});
