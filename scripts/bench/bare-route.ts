/** The yardstick: parses a registration, answers as many bytes as the agent would, does nothing else. */
import { fastify } from 'fastify';

const entry = (id: string) =>
  `{"id":"${id}","address":"10.0.100.10:8000","metrics_port":9100,"node_type":"backend","is_load_balancer":false,"capabilities":["inference","model_serving","metrics_reporting"],"last_updated":1800000000,"status":"alive"},`;
const head = '{"status":"registered","message":"service-00000 is registered","peers":[';
const everything = Buffer.from(
  head + Array.from({ length: 20_000 }, (_, i) => entry(`service-${String(i).padStart(5, '0')}`)).join(''),
);
const entryBytes = Buffer.byteLength(entry('service-00000'));
const headBytes = Buffer.byteLength(head);

const app = fastify();
let registered = 0;
app.post('/registration', (request, reply) => {
  const { id } = request.body as { readonly id: string };
  if (id.length === 0) throw new Error('no id');
  registered += 1;
  reply.header('content-type', 'application/json; charset=utf-8');
  reply.send(everything.subarray(0, headBytes + registered * entryBytes));
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.(url);
