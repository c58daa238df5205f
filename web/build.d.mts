/** Builds the page into a directory, which is emptied first. */
export function buildPage(outdir?: string): Promise<void>;
