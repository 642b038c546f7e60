/** The one file that knows the metrics library. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

export interface CounterMetric {
  add(labels?: Labels, by?: number): void;
}

export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
}

export interface HistogramMetric {
  observe(value: number, labels?: Labels): void;
}

/** Labels are bounded sets: never a peer id, an address or a path. */
export class MetricRegistry {
  readonly #registry = new Registry();

  counter(name: string, help: string, labelNames: readonly string[] = []): CounterMetric {
    const counter = new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
    return { add: (labels = {}, by = 1) => counter.inc(labels, by) };
  }

  /**
   * A counter whose totals are kept elsewhere, for paths too hot for a look-up by labels at each event;
   * `collect` reports all of them at each scrape.
   */
  totals(
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: (report: (total: number, labels?: Labels) => void) => void,
  ): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        collect((total, labels = {}) => counter.inc(labels, total));
      },
    });
  }

  /** `collect` is asked at each scrape, so that nobody has to keep the gauge up to date. */
  gauge(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
    collect?: (gauge: GaugeMetric) => void,
  ): GaugeMetric {
    const metric: GaugeMetric = { set: (value, labels = {}) => gauge.set(labels, value) };
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      ...(collect === undefined ? {} : { collect: () => collect(metric) }),
    });
    return metric;
  }

  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly string[] = [],
  ): HistogramMetric {
    const histogram = new Histogram({
      name,
      help,
      labelNames: [...labelNames],
      buckets: [...buckets],
      registers: [this.#registry],
    });
    return { observe: (value, labels = {}) => histogram.observe(labels, value) };
  }

  /** The text that Prometheus scrapes. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
