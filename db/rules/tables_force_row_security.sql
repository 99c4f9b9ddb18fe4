-- FORCE keeps the owner of a table, and the functions it owns, behind row-level security.
select ''::text as object, ''::text as problem where false;
