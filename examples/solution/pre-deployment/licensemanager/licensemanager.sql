-- Loaded when PostgreSQL starts for the first time.
CREATE DATABASE keycloak_db;
CREATE DATABASE "licenseManager";
\connect "licenseManager"
CREATE TABLE license (
    id          bigserial PRIMARY KEY,
    product     text NOT NULL,
    seats       integer NOT NULL CHECK (seats >= 0),
    valid_until date
);
