-- What the body of a chord is, where its members only refer to it; nothing once the chord is closed.
alter table celeriac.chord add column body json;
