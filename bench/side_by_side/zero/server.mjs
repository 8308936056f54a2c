// Tells zero-cache what the query `orders.open` is: https://zero.rocicorp.dev/docs/queries
import { createServer } from "node:http";
import { createBuilder, createSchema, defineQueries, defineQuery, mustGetQuery, number, string, table } from "@rocicorp/zero";
import { handleQueryRequest } from "@rocicorp/zero/server";

const orders = table("orders")
  .columns({ id: number(), title: string(), status: string(), amount: number(), seq: number() })
  .primaryKey("id");
const schema = createSchema({ tables: [orders] });
const zql = createBuilder(schema);

const queries = defineQueries({
  orders: {
    open: defineQuery(() =>
      zql.orders.where("status", "open").orderBy("amount", "desc").orderBy("id", "asc").limit(50)),
  },
});

createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const parts = [];
  for await (const part of request) parts.push(part);
  const answer = await handleQueryRequest({
    handler: (name, args) => mustGetQuery(queries, name).fn({ args, ctx: undefined }),
    schema,
    userID: null,
    query: url.searchParams,
    body: JSON.parse(Buffer.concat(parts).toString()),
  });
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(answer));
}).listen(Number(process.env.PORT), "127.0.0.1");
