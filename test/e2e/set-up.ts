// `npm test`: what both rows of end-to-end tests need, once.
import { setup } from "./global-setup.ts";

await setup();
