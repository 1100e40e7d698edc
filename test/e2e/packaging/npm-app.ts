// An application that has a relay in it, with two worker threads. npm.test.ts installs, checks,
// bundles and compiles it.
import { createRelay, printAddress, type RelayOptions } from "simpletcpunixrelay";
import { Observation, observe, serveMetrics } from "simpletcpunixrelay/observe";

const echo = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: (client, bytes) => void client.write(bytes) },
});
const addresses = { source: "127.0.0.1:0", destination: `127.0.0.1:${echo.port}` };
using observation = new Observation();
const options: RelayOptions = {
  ...addresses,
  workers: 2,
  observer: observe(observation, addresses),
};
await using relay = await createRelay(options);
using metrics = await serveMetrics("127.0.0.1:0", { observation });

const answer = Promise.withResolvers<string>();
const { hostname, port } = new URL(`tcp://${printAddress(relay.endpoint)}`);
const client = await Bun.connect({
  hostname,
  port: Number(port),
  socket: { data: (_, bytes) => answer.resolve(bytes.toString()) },
});
client.write("relayed");
console.log(await answer.promise);
client.end();
const page = await fetch(`http://${printAddress(metrics.endpoint)}/metrics`);
console.log(/^simpletcpunixrelay_connections_total/m.test(await page.text()));
echo.stop(true);
