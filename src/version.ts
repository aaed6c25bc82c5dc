/** Versions, once. */
import manifest from "../package.json";

export const STORMDB_VERSION: string = manifest.version;
/** The Redis whose behaviour this is; libraries look at it to know what a server can do. */
export const REDIS_VERSION = "7.2.4";
