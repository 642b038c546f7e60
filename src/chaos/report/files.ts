/** Puts a report on the disk. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Outcome } from '../run.ts';
import { htmlReport } from './html.ts';
import { markdownReport } from './markdown.ts';

export interface ReportPaths {
  readonly markdown: string;
  readonly html: string;
}

/** @param folder - Is made where it is missing. */
export async function writeReport(outcome: Outcome, folder: string): Promise<ReportPaths> {
  await mkdir(folder, { recursive: true });
  const paths = { markdown: join(folder, 'report.md'), html: join(folder, 'report.html') };
  await writeFile(paths.markdown, markdownReport(outcome));
  await writeFile(paths.html, htmlReport(outcome));
  return paths;
}
