/** Express with sessions in connect-redis: kept across requests and servers, timed and destroyed. */
import { expect, test } from "bun:test";
import { createServer } from "node:http";
import { RedisStore } from "connect-redis";
import express from "express";
import session, { type SessionData } from "express-session";
import { createClient } from "redis";
import { type RunningServer, until } from "../harness/processes.ts";
import { againstBoth } from "./servers.ts";

const TTL_SECONDS = 1000;

interface Visits extends SessionData {
  visits?: number;
  text?: string;
}

interface App extends AsyncDisposable {
  readonly store: RedisStore;
  /** Sends the cookie and returns the body and the cookie to send next. */
  get(path: string, cookie: string): Promise<{ readonly body: unknown; readonly cookie: string }>;
}

async function startApp(server: RunningServer, disableTouch = false): Promise<App> {
  const client = createClient({ socket: { host: "127.0.0.1", port: server.port } });
  client.on("error", () => {});
  await client.connect();
  const store = new RedisStore({ client, prefix: "session:", ttl: TTL_SECONDS, disableTouch });
  const app = express();
  app.use(session({ store, secret: "secret", resave: false, saveUninitialized: false }));
  app.get("/visit", (request, response) => {
    const own = request.session as unknown as Visits;
    own.visits = (own.visits ?? 0) + 1;
    own.text = "wörld ✓";
    response.json({ visits: own.visits });
  });
  app.get("/look", (request, response) => {
    const { visits, text } = request.session as unknown as Visits;
    response.json({ visits, text });
  });
  app.get("/login", (request, response) => {
    request.session.regenerate(() => response.json({}));
  });
  app.get("/leave", (request, response) => {
    request.session.destroy((error: unknown) => response.json({ error: error ?? null }));
  });
  const http = createServer(app);
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    store,
    get: async (path, cookie) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } });
      const set = response.headers.get("set-cookie");
      return { body: await response.json(), cookie: set?.split(";")[0] ?? cookie };
    },
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((done) => http.close(done));
      await client.close();
    },
  };
}

againstBoth("express-session with connect-redis", (start) => {
  test("a session is kept across requests and servers, and ends", async () => {
    await using server = await start();
    await using one = await startApp(server);
    await using two = await startApp(server);
    const redis = await server.connect();
    const { body, cookie } = await one.get("/visit", "");
    expect(body).toEqual({ visits: 1 });
    expect(cookie).toStartWith("connect.sid=");
    expect((await two.get("/visit", cookie)).body).toEqual({ visits: 2 });
    expect((await one.get("/look", cookie)).body).toEqual({ visits: 2, text: "wörld ✓" });
    // Someone else is someone else.
    expect((await one.get("/look", "")).body).toEqual({});
    const other = await two.get("/visit", "");
    expect(other.body).toEqual({ visits: 1 });
    expect(other.cookie).not.toEqual(cookie);

    expect(await redis.call("DBSIZE")).toEqual(":2\r\n");
    expect((await one.get("/leave", cookie)).body).toEqual({ error: null });
    expect(await redis.call("DBSIZE")).toEqual(":1\r\n");
    expect((await two.get("/look", cookie)).body).toEqual({});
    expect((await two.get("/look", other.cookie)).body).toEqual({ visits: 1, text: "wörld ✓" });
  });

  test("it has a time to live, which each request renews", async () => {
    await using server = await start();
    await using app = await startApp(server);
    await using untouching = await startApp(server, true);
    const redis = await server.connect();
    const { cookie } = await app.get("/visit", "");
    const key = (await redis.call("KEYS", "*")).split("\r\n")[2]!;
    expect(key).toStartWith("session:");
    const ttl = async () => Number((await redis.call("TTL", key)).slice(1));
    expect(await ttl()).toBeWithin(TTL_SECONDS - 60, TTL_SECONDS + 1);
    await redis.call("EXPIRE", key, "500");
    await untouching.get("/look", cookie);
    expect(await ttl()).toBeWithin(400, 501);
    await app.get("/look", cookie);
    await until("the time is renewed", async () => (await ttl()) > TTL_SECONDS - 60);
    // When it is over, the visits begin again.
    await redis.call("PEXPIRE", key, "1");
    await until("it is over", async () => (await redis.call("EXISTS", key)) === ":0\r\n");
    expect((await app.get("/visit", cookie)).body).toEqual({ visits: 1 });
  });

  test("a new session takes the place of the old one", async () => {
    await using server = await start();
    await using app = await startApp(server);
    const redis = await server.connect();
    const first = await app.get("/visit", "");
    const old = (await redis.call("KEYS", "*")).split("\r\n")[2]!;
    const second = await app.get("/login", first.cookie);
    expect(await redis.call("EXISTS", old)).toEqual(":0\r\n");
    expect(second.cookie).not.toEqual(first.cookie);
    expect((await app.get("/visit", second.cookie)).body).toEqual({ visits: 1 });
  });

  test("what the store knows of all sessions", async () => {
    await using server = await start();
    await using app = await startApp(server);
    const redis = await server.connect();
    await redis.call("SET", "other", "1");
    await Promise.all(Array.from({ length: 300 }, () => app.get("/visit", "")));
    const asked = <T>(ask: (done: (error: unknown, value?: T) => void) => unknown) =>
      new Promise<T>((done, fail) => {
        void ask((error, value) => (error === null ? done(value as T) : fail(error)));
      });
    expect(await asked<number>((done) => app.store.length(done))).toEqual(300);
    const ids = await asked<string[]>((done) => app.store.ids(done));
    const all = await asked<(Visits & { id: string })[]>((done) => app.store.all(done));
    expect(all.map(({ visits }) => visits)).toEqual(Array.from({ length: 300 }, () => 1));
    expect(all.map(({ id }) => id).sort()).toEqual(ids.sort());
    await asked<number>((done) => app.store.clear(done));
    expect(await redis.call("KEYS", "*")).toEqual("*1\r\n$5\r\nother\r\n");
  });
});
