/** The certificate of the HTTP shim. */
import type { MetricRegistry } from '../registry.ts';

/** @param read - When the certificate ends, ms since the Unix epoch; asked at each scrape. */
export function registerTlsMetrics(registry: MetricRegistry, read: () => number): void {
  registry.gauge(
    'firsthand_http_certificate_expiry_timestamp_seconds',
    'When the certificate of the HTTP shim ends, Unix time',
    [],
    gauge => gauge.set(read() / 1_000),
  );
}
