/** This process: memory, CPU, event loop, age. */
import type { MetricRegistry } from '../registry.ts';
import type { Vitals } from '../vitals.ts';

export function registerProcessMetrics(registry: MetricRegistry, vitals: Vitals): void {
  registry.gauge('cpu_usage_percent', 'CPU used by the agent, 100 is every core it may use', [], gauge =>
    gauge.set(vitals.cpuPercent()),
  );
  registry.gauge('memory_usage_percent', 'Resident memory as a share of what the agent may use', [], gauge =>
    gauge.set(vitals.memoryPercent()),
  );
  registry.gauge('uptime_seconds', 'Age of the process', [], gauge => gauge.set(vitals.uptimeS));
  registry.totals('firsthand_process_cpu_seconds_total', 'CPU time used by the agent', ['mode'], report => {
    const cpu = process.cpuUsage();
    report(cpu.user / 1e6, { mode: 'user' });
    report(cpu.system / 1e6, { mode: 'system' });
  });
  registry.gauge('firsthand_process_memory_bytes', 'Memory of the agent by kind', ['kind'], gauge => {
    const memory = process.memoryUsage();
    gauge.set(memory.rss, { kind: 'resident' });
    gauge.set(memory.heapUsed, { kind: 'heap_used' });
    gauge.set(memory.heapTotal, { kind: 'heap_total' });
    gauge.set(memory.external, { kind: 'external' });
  });
  registry.gauge(
    'firsthand_eventloop_delay_seconds',
    'How late the event loop ran its timers since the last scrape',
    ['stat'],
    gauge => {
      const delay = vitals.eventLoopDelay();
      gauge.set(delay.meanS, { stat: 'mean' });
      gauge.set(delay.p99S, { stat: 'p99' });
      gauge.set(delay.maxS, { stat: 'max' });
    },
  );
}
