/** Strings, compared with redis-server byte for byte. */
import { oracleTest } from "../harness/oracle.ts";

oracleTest("set and get", ["SET a 1", "GET a", "SET a 2 NX", "SET a 3 XX GET", "GET missing"]);
