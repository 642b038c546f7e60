import { assert, describe, it } from 'vitest';
import { OwnVoice } from '../../../../src/core/record/own-voice.ts';

describe('core/record/own-voice', () => {
  it('is answered at once the first time', () => {
    const voice = new OwnVoice();

    assert.isTrue(voice.hear(0));
    assert.isTrue(voice.takeAnswer(0));
    assert.isFalse(voice.takeAnswer(1_000_000), 'once is enough');
  });

  it('is answered at ever longer pauses when it goes on and on, up to ten minutes', () => {
    const voice = new OwnVoice();
    const answers: number[] = [];
    for (let second = 0; second < 3_600; second++) {
      voice.hear(second * 1_000);
      if (voice.takeAnswer(second * 1_000)) answers.push(second);
    }

    const pauses = answers.slice(1).map((at, i) => at - (answers[i] ?? 0));
    assert.deepEqual(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600]);
  });

  it('is told to a person once a minute', () => {
    const voice = new OwnVoice();
    let reports = 0;
    for (let second = 0; second < 180; second++) if (voice.hear(second * 1_000)) reports += 1;

    assert.equal(reports, 3);
  });

  it('is an earlier life when it is heard once, and a second process when it is heard again', () => {
    const voice = new OwnVoice();

    voice.hear(0);
    assert.isUndefined(voice.twinAgoMs(1_000));
    voice.hear(2_000);

    assert.equal(voice.twinAgoMs(5_000), 3_000);
  });

  it('is forgotten half an hour after it fell silent, and answered fast again', () => {
    const voice = new OwnVoice();
    for (let i = 0; i < 10; i++) {
      voice.hear(i);
      voice.takeAnswer(i * 1_000_000);
    }

    assert.isUndefined(voice.twinAgoMs(1_800_010));
    voice.hear(20_000_000);
    assert.isTrue(voice.takeAnswer(20_000_000));
    voice.hear(20_005_000);
    assert.isTrue(voice.takeAnswer(20_005_000));
  });
});
