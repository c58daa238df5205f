export { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
