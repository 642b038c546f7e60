/** The answer of a registration, taken out of the effects that it leads to. */
import type { Effect, Reply, Ticket } from '../effects.ts';

export function answerTo(ticket: Ticket, effects: readonly Effect[]): Reply | undefined {
  for (const effect of effects) {
    if (effect.type === 'reply' && effect.ticket === ticket) return effect.reply;
    const within = effect.type === 'persist' ? answerTo(ticket, effect.then) : undefined;
    if (within !== undefined) return within;
  }
  return undefined;
}

export function withoutAnswer(ticket: Ticket, effects: readonly Effect[]): readonly Effect[] {
  return effects
    .filter(effect => effect.type !== 'reply' || effect.ticket !== ticket)
    .map(effect =>
      effect.type === 'persist' ? { ...effect, then: withoutAnswer(ticket, effect.then) } : effect,
    );
}
