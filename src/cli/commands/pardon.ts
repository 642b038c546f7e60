/** `firsthand pardon`: lifts a ban. */
export { definePardon as define } from './bans.ts';
