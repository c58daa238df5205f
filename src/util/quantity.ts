const scales: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a Kubernetes quantity (`500m`, `2Gi`, `1e3`) stands for; NaN for what is none. */
export function amountOf(quantity: string): number {
  if (/^[0-9.]+[eE][+-]?[0-9]+$/.test(quantity)) return Number(quantity);
  const match = /^([0-9.]+)([A-Za-z]*)$/.exec(quantity);
  if (match === null) return Number.NaN;
  const unit = match[2] ?? "";
  return Number(match[1]) * (unit === "" ? 1 : (scales[unit] ?? Number.NaN));
}

/** Bytes as people say them: `512 MiB`, `3.5 GiB`. */
export function bytesText(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
