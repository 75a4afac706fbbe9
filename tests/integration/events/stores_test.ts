import { testEventStores } from "../../support/event_stores.ts";
import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";

testEventStores("PgliteDatabase", migratedPglite);
testEventStores("PostgresDatabase", migratedPostgres);
