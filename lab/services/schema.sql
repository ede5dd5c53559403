-- The shop's tables, filled with the same made-up rows in every session.
CREATE TABLE products (id serial PRIMARY KEY, sku text, name text, category text, price numeric, description text);
CREATE TABLE carts (id serial PRIMARY KEY, owner text, product int, quantity int, made timestamptz DEFAULT now());
CREATE TABLE quotes (id serial PRIMARY KEY, owner text, sku text, price text, made timestamptz DEFAULT now());
CREATE TABLE customers (id serial PRIMARY KEY, login text, name text, address text, card text);
CREATE TABLE orders (id serial PRIMARY KEY, owner text, quote int, total numeric, note text, state text,
                     made timestamptz DEFAULT now());
CREATE INDEX carts_by_owner ON carts (owner, id);
CREATE INDEX orders_by_owner ON orders (owner, id);
INSERT INTO products (sku, name, category, price, description)
SELECT (ARRAY['KT','BK','GD','TL','LT'])[1 + n % 5] || '-' || (100 + n),
       (ARRAY['Copper kettle','Baker''s bowl','Garden shears','Torque wrench','Reading lamp','O''Hara mug','Oak shelf',
              'Wool blanket','Steel rule','Bread knife'])[1 + n % 10] || ' no. ' || n,
       (ARRAY['kitchen','bakery','garden','tools','light'])[1 + n % 5], 5 + (n * 37) % 290,
       repeat('A good thing for every house. ', 1 + n % 4)
FROM generate_series(0, 399) AS n;
INSERT INTO customers (login, name, address, card)
SELECT 'customer' || n, (ARRAY['Ana','Björn','Chloë','D''Arcy','Eve','Frank'])[1 + n % 6] || ' ' || n,
       n || ' Mill Lane, Ashford', '4000-0000-0000-' || lpad(n::text, 4, '0')
FROM generate_series(1, 976) AS n;
INSERT INTO customers (login, name, address, card)
SELECT login, initcap(login), '1 High Street', '4000-1111-0000-0000'
FROM unnest(string_to_array('alice bruno carla dmitri elena farid greta hugo ines jonas katya liam mona nils olga '
     'pedro quinn rosa-m samir tilda umar vera wendy yusuf', ' ')) AS login;
INSERT INTO orders (owner, quote, total, note, state)
SELECT (SELECT login FROM customers WHERE id = 977 + n % 24), 0, 10 + n % 90, 'seeded', 'paid'
FROM generate_series(0, 1999) AS n;
