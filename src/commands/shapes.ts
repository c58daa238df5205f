import type { Origin } from "../config/config.ts";
import { type Diagnostic, diagnosticCodes } from "../config/diagnostics.ts";
import type { CertificateFacts } from "../deployment/certificate-facts.ts";
import type { Outcome } from "../kube/apply.ts";
import type { ObjectRef } from "../manifests/kube-object.ts";
import { ExitCode } from "../util/exit-code.ts";
import { choice, list, number, object, optional, type Shape, text, time } from "../util/shape.ts";

// What several commands give.

/** The name of the namespace of the sessions. */
export const namespaceField = text("namespace of the sessions; the proxies are in `ingress-` and this name");

/** The place of a deployment. */
export const directoryField = text("the deployment directory, absolute");

/** Where a value comes from. */
export const originField: Shape<Origin> = object(
  {
    kind: choice(["default", "file", "environment", "flag"], "`flag`: the command line"),
    file: optional(text("of the kind `file`: the file, below the directory")),
    line: optional(number("of the kind `file`: the line, from 1")),
  },
  "where the value comes from",
);

/** Problems of a configuration. */
export const diagnosticsField = (does: string): Shape<readonly Diagnostic[]> =>
  list(
    object({
      severity: choice(["error", "warning"], "an error keeps the commands that work with the deployment from working"),
      code: choice(diagnosticCodes, "kind of the problem; `changeme`: still to be decided"),
      name: optional(text("the variable, when it is about one")),
      message: text("one sentence"),
      file: optional(text("the file as it is called below the deployment directory")),
      line: optional(number("its line, from 1")),
    }),
    does,
  );

const refFields = {
  apiVersion: text("`v1`, `apps/v1` and so on"),
  kind: text("`Deployment`, `ConfigMap` and so on"),
  namespace: optional(text("missing for what belongs to the whole cluster")),
  name: text("its name"),
};

/** Objects of the cluster. */
export const refsField = (does: string): Shape<readonly ObjectRef[]> => list(object(refFields), does);

/** Objects of the cluster, and what became of them. */
export const outcomesField = (does: string): Shape<readonly (ObjectRef & { readonly outcome: Outcome | "planned" })[]> =>
  list(
    object({
      ...refFields,
      outcome: choice(
        ["created", "changed", "unchanged", "unchecked", "planned"],
        "`unchecked`: a dry run could not ask, its namespace is not there yet; `planned`: a dry run that asks no cluster",
      ),
    }),
    does,
  );

/** The exit code of a part. */
export const exitCodeField: Shape<ExitCode> = { ...number("the exit code of the command"), sample: ExitCode.ok };

/** A certificate. */
export const certificateField = (does: string): Shape<CertificateFacts> =>
  object(
    {
      subject: text("whose it is"),
      names: text("the names that it is for"),
      validTo: time("its last moment"),
      daysLeft: number("whole days until then"),
    },
    does,
  );
