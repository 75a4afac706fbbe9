import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { testPauseStore } from "../../support/pause_store.ts";

testPauseStore("PgliteDatabase", migratedPglite);
testPauseStore("PostgresDatabase", migratedPostgres);
