/**
 * How this process and its machine are doing, measured when somebody asks.
 *
 * Usage is counted between two questions rather than by a timer: an idle agent then costs nothing.
 * Questions closer than `sampleMinMs` share one sample, so that two readers do not measure only
 * each other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface EventLoopDelay {
  readonly meanS: number;
  readonly p99S: number;
  readonly maxS: number;
}

const loopResolutionMs = 200; // Measured: at 50 ms its wake-ups are a tenth of what an idle agent costs.
const sampleMinMs = 1_000; // Guess: shorter windows mostly show the scheduler's tick.

export class Vitals {
  readonly #loop = monitorEventLoopDelay({ resolution: loopResolutionMs });
  readonly #gpuFiles: readonly string[];
  #sampledAtMs: number;
  #sampledCpu: NodeJS.CpuUsage;
  #cpuPercent: number | undefined;

  constructor() {
    this.#loop.enable();
    this.#gpuFiles = gpuBusyFiles('/sys/class/drm');
    // The first question is answered for the whole life of the process.
    this.#sampledAtMs = performance.now() - process.uptime() * 1_000;
    this.#sampledCpu = { user: 0, system: 0 };
  }

  get uptimeS(): number {
    return process.uptime();
  }

  /** CPU time of this process since the last question; 100 is every core that it may use. */
  cpuPercent(): number {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#sampledAtMs;
    if (this.#cpuPercent === undefined || elapsedMs >= sampleMinMs) {
      const cpu = process.cpuUsage();
      const usedMs = (cpu.user - this.#sampledCpu.user + cpu.system - this.#sampledCpu.system) / 1_000;
      this.#cpuPercent = Math.min(100, (100 * usedMs) / (elapsedMs * availableParallelism()));
      this.#sampledAtMs = nowMs;
      this.#sampledCpu = cpu;
    }
    return this.#cpuPercent;
  }

  /** Resident memory of this process as a share of what it may use: its cgroup's limit, or the machine's. */
  memoryPercent(): number {
    const limit = process.constrainedMemory();
    const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
    return (100 * process.memoryUsage.rss()) / total;
  }

  /**
   * Mean load of the graphics processors whose driver reports one in sysfs (amdgpu does).
   *
   * @returns `undefined` where nothing can be measured, which is not the same as idle: other drivers
   * tell only through a program of the vendor, too slow to start for each question.
   */
  gpuPercent(): number | undefined {
    let sum = 0;
    let count = 0;
    for (const file of this.#gpuFiles) {
      const percent = readPercent(file);
      if (percent === undefined) continue;
      sum += percent;
      count += 1;
    }
    return count === 0 ? undefined : sum / count;
  }

  /** How late the event loop ran its timers since the last question. */
  eventLoopDelay(): EventLoopDelay {
    // What is recorded is the time from one timer to the next.
    const inSeconds = (nanoseconds: number) =>
      this.#loop.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - loopResolutionMs / 1_000);
    const delay = {
      meanS: inSeconds(this.#loop.mean),
      p99S: inSeconds(this.#loop.percentile(99)),
      maxS: inSeconds(this.#loop.max),
    };
    this.#loop.reset();
    return delay;
  }

  /** Safe to call twice. */
  stop(): void {
    this.#loop.disable();
  }
}

function gpuBusyFiles(root: string): readonly string[] {
  try {
    return readdirSync(root)
      .filter(name => /^card[0-9]+$/.test(name))
      .map(name => `${root}/${name}/device/gpu_busy_percent`)
      .filter(file => readPercent(file) !== undefined);
  } catch {
    return []; // No such folder: not Linux, or no graphics at all. "Not measured" is the answer.
  }
}

function readPercent(file: string): number | undefined {
  try {
    const percent = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return percent >= 0 && percent <= 100 ? percent : undefined;
  } catch {
    return undefined; // The driver does not tell, or the card is asleep.
  }
}

/** The soft limit of open files; `undefined` where the system does not tell. */
export function openFilesMax(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined; // Not Linux.
  }
}
