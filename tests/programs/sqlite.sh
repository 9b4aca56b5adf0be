# Inserts, indexes, joins, recursion, a cache that spills, vacuum. $1: how many rows.
sqlite3 file.db <<Q
pragma cache_size = -4000;
create table a (id integer primary key, name text, n int, blob blob);
create table b (id integer primary key, a_id int, value real);
with recursive c(i) as (select 1 union all select i + 1 from c where i < $1)
    insert into a select i, printf('%0*d', i % 300, i), i % 997, zeroblob(i % 51) from c;
insert into b select id, (id * 7919) % $1 + 1, id / 3.0 from a;
create index a_n on a (n, name);
create index b_a on b (a_id);
select count(*), sum(length(name)), sum(n), sum(length(blob)) from a;
select n, count(*), round(sum(value), 3) from a join b on b.a_id = a.id group by n order by 2 desc, n limit 5;
select count(distinct name), max(name) from a where name like '%77%';
select group_concat(n) from (select n from a order by random() % 1, id limit 50);
update a set name = name || name where n % 3 = 0;
delete from a where n % 5 = 0;
vacuum;
pragma integrity_check;
select sum(length(name)), json_array_length(json_group_array(name)) from a;
Q
sqlite3 file.db .dump | cksum
cp file.db out/file.db
