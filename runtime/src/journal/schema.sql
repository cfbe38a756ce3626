CREATE TABLE run (
  id         TEXT PRIMARY KEY,
  sort       TEXT NOT NULL,     -- run, undo
  undoes     TEXT,              -- the run that an undo takes back
  playbook   TEXT NOT NULL,
  what       TEXT NOT NULL,     -- as it was chosen
  folder     TEXT,              -- the customer folder
  target     TEXT NOT NULL,
  steps      TEXT NOT NULL,     -- as planned, in order
  identities TEXT NOT NULL,     -- of the clusters, by name
  hashes     TEXT NOT NULL,     -- of scripts and values, keyed
  key        BLOB NOT NULL,     -- the run's key, encrypted with age
  started    TEXT NOT NULL,
  ended      TEXT,
  status     TEXT
) STRICT;

-- A run is started once, and may be resumed: each is a session.
CREATE TABLE session (
  run     TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  resumed INTEGER NOT NULL,
  user    TEXT NOT NULL,
  machine TEXT NOT NULL,
  zone    TEXT NOT NULL,
  version TEXT NOT NULL,
  started TEXT NOT NULL,
  ended   TEXT,
  status  TEXT,
  PRIMARY KEY (run, resumed)
) STRICT;

CREATE TABLE step (
  run          TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  resumed      INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  key          TEXT NOT NULL,
  title        TEXT NOT NULL,
  attempt      INTEGER NOT NULL,
  irreversible INTEGER NOT NULL,
  started      TEXT,
  ended        TEXT,
  report       TEXT,
  value        BLOB,            -- sealed
  state        BLOB,            -- sealed: what it set of ctx.state
  PRIMARY KEY (run, resumed, key, attempt)
) STRICT;

CREATE TABLE change (
  run       TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  resumed   INTEGER NOT NULL,
  step      INTEGER NOT NULL,
  attempt   INTEGER NOT NULL,
  path      TEXT NOT NULL,
  key       TEXT NOT NULL,
  primitive TEXT NOT NULL,
  at        TEXT NOT NULL,
  identity  TEXT NOT NULL,
  resources TEXT NOT NULL,      -- what is done to what, with the difference, masked
  permits   TEXT NOT NULL,
  cannot    TEXT,               -- why it cannot be taken back
  undoes    TEXT,               -- the recorded change that it takes back
  intent    BLOB NOT NULL,      -- sealed: states before, how to probe and to undo
  ended     TEXT,
  results   TEXT,
  after     BLOB,               -- sealed: states after
  PRIMARY KEY (run, resumed, step, attempt, path)
) STRICT;

CREATE TABLE remark (
  run  TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  id   TEXT,
  sort TEXT NOT NULL,           -- decision, accepted, manual, version
  at   TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

CREATE TABLE once (
  run   TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  step  TEXT NOT NULL,
  name  TEXT NOT NULL,
  value BLOB NOT NULL,          -- sealed
  PRIMARY KEY (run, step, name)
) STRICT;

CREATE TABLE branch (
  run   TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  step  TEXT NOT NULL,
  path  TEXT NOT NULL,
  value BLOB NOT NULL,          -- sealed: what it was given, and what it returned
  PRIMARY KEY (run, step, path)
) STRICT;

CREATE TABLE undone (
  run  TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  id   TEXT NOT NULL,
  part INTEGER NOT NULL,
  PRIMARY KEY (run, id, part)
) STRICT;

-- What the run stands for.
CREATE TABLE inventory (
  run       TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  resource  TEXT NOT NULL,
  primitive TEXT NOT NULL,
  PRIMARY KEY (run, resource)
) STRICT;
