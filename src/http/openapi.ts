/**
 * The OpenAPI document, made when somebody first asks for it.
 *
 * A second Fastify instance that never listens carries the same routes with their schemas. The one
 * that serves has none, so that neither its start nor its requests pay for the document.
 */
import fastifySwagger from '@fastify/swagger';
import { fastify } from 'fastify';
import { accessTable } from './access-table.ts';
import { operations } from './operations.ts';
import type { HttpAuth } from './options.ts';
import type { Route } from './route.ts';

export interface DocumentOptions {
  readonly version: string;
  /** What is asked for, except by the vital signs. */
  readonly authMode: HttpAuth['mode'];
  readonly protectVitals: boolean;
}

const securitySchemes = {
  secret: { type: 'http', scheme: 'bearer', description: 'The cluster secret' },
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  certificate: { type: 'mutualTLS' },
} as const;

const schemeOf = {
  open: undefined,
  shared_secret: 'secret',
  jwt: 'token',
  mtls: 'certificate',
} as const satisfies Record<HttpAuth['mode'], keyof typeof securitySchemes | undefined>;

interface Departures {
  readonly paths: Readonly<
    Record<string, { readonly delete: { readonly requestBody: { required: boolean } } }>
  >;
}

export async function openApiDocument(options: DocumentOptions, routes: readonly Route[]): Promise<object> {
  const app = fastify({ exposeHeadRoutes: false });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Firsthand',
        description: 'Who is in this cluster, where, and can they be used right now?',
        version: options.version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      // The library's types do not know `mutualTLS`, which OpenAPI 3.1 has.
      components: { securitySchemes: securitySchemes as unknown as Record<string, never> },
      tags: ['registration', 'cluster', 'health', 'inspect', 'admin'].map(name => ({ name })),
    },
    convertConstToEnum: false, // OpenAPI 3.1 has `const`.
  });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  app.after(() => {
    for (const route of routes) for (const [index, url] of route.paths.entries()) declare(route, url, index);
  });
  await app.ready();
  const document = app.swagger();
  await app.close();
  // The library takes every body for required. A departure has one only when it is signed.
  const { paths } = document as unknown as Departures;
  const body = paths['/registration/{id}']?.delete.requestBody;
  if (body !== undefined) body.required = false;
  return document;

  function declare({ operation, method, vital }: Route, url: string, index: number): void {
    const scheme = schemeOf[options.authMode];
    const locked = operation !== 'live' && (vital !== true || options.protectVitals);
    const schema = {
      ...operations[operation],
      operationId: index === 0 ? operation : `${operation}Alias${index === 1 ? '' : index}`,
      'x-role': accessTable[operation].role,
      security: locked && scheme !== undefined ? [{ [scheme]: [] }] : [],
    };
    app.route({ method, url, schema, handler: () => null });
  }
}
