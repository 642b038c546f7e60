/**
 * Our own key heard from elsewhere, saying what this process never said.
 *
 * Once, that is an earlier life of ours: the data directory was brought back from an old backup, and peers
 * hand back what came after it. Again and again, it is a second process with a copy of the key, and each
 * answer of ours makes it answer too. Neither can know who is the copy, so both go on, but the pause between
 * two answers doubles: what they cost the cluster comes to an end, and a person is told to end one of them.
 */

export interface OwnVoiceSettings {
  readonly answerMinMs: number;
  readonly answerMaxMs: number;
  /** Between two lines in the log about the same thing, ms. */
  readonly reportEveryMs: number;
  /** So long after it was last heard it counts as gone, ms. */
  readonly forgetMs: number;
}

export const defaultOwnVoiceSettings: OwnVoiceSettings = {
  answerMinMs: 5_000, // Guess: one sync has brought everything that there is by then.
  answerMaxMs: 600_000, // Guess: two records an hour and process are no burden.
  reportEveryMs: 60_000, // Guess: often enough to be seen, too rare to fill a disk.
  forgetMs: 1_800_000, // Derived: three times the longest pause of the other one.
};

export class OwnVoice {
  readonly #settings: OwnVoiceSettings;
  #heardCount = 0;
  #lastMonoMs = Number.NEGATIVE_INFINITY;
  #pauseMs: number;
  #nextAnswerMonoMs = Number.NEGATIVE_INFINITY;
  #nextReportMonoMs = Number.NEGATIVE_INFINITY;
  #owesAnswer = false;

  constructor(settings: Partial<OwnVoiceSettings> = {}) {
    this.#settings = { ...defaultOwnVoiceSettings, ...settings };
    this.#pauseMs = this.#settings.answerMinMs;
  }

  /** How often it was heard since it was last quiet for long. */
  get heardCount(): number {
    return this.#heardCount;
  }

  /** It was heard: whether a person is to be told now. An answer is owed from here on. */
  hear(monoMs: number): boolean {
    if (monoMs - this.#lastMonoMs > this.#settings.forgetMs) {
      this.#heardCount = 0;
      this.#pauseMs = this.#settings.answerMinMs;
    }
    this.#heardCount += 1;
    this.#lastMonoMs = monoMs;
    this.#owesAnswer = true;
    if (monoMs < this.#nextReportMonoMs) return false;
    this.#nextReportMonoMs = monoMs + this.#settings.reportEveryMs;
    return true;
  }

  /** Whether it is time for the answer that is owed, which then counts as given. */
  takeAnswer(monoMs: number): boolean {
    if (!this.#owesAnswer || monoMs < this.#nextAnswerMonoMs) return false;
    this.#owesAnswer = false;
    this.#nextAnswerMonoMs = monoMs + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, this.#settings.answerMaxMs);
    return true;
  }

  /** How long ago the other one was last heard, ms; `undefined` when that was once, or long ago. */
  twinAgoMs(monoMs: number): number | undefined {
    const agoMs = monoMs - this.#lastMonoMs;
    return this.#heardCount > 1 && agoMs <= this.#settings.forgetMs ? agoMs : undefined;
  }
}
