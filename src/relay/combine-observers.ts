import type { Observer } from "./observer.ts";

function nothing(): void {}

/** An observer that ignores every event. */
export const silentObserver: Observer = {
  listening: nothing,
  waitingForHeader: nothing,
  opened: nothing,
  refused: nothing,
  connected: nothing,
  unreachable: nothing,
  reachedAgain: nothing,
  halfClosed: nothing,
  closed: nothing,
  full: nothing,
  acceptingPaused: nothing,
  sourceLost: nothing,
  sourceBack: nothing,
  captureEnded: nothing,
  draining: nothing,
  stopped: nothing,
  fault: nothing,
  warning: nothing,
  notice: nothing,
};

export type Event = keyof Observer;

export const EVENTS: readonly Event[] = Object.keys(silentObserver).filter(
  (key): key is Event => key in silentObserver,
);

/**
 * Returns the events for which an observer may do something. The result is exact only for an
 * observer that `combineObservers` made. For any other observer the result can contain an event
 * whose method does nothing, because this function cannot see that.
 */
export function eventsHeard(observer: Observer): readonly Event[] {
  return EVENTS.filter((event) => observer[event] !== nothing);
}

/**
 * Returns an observer that passes each event to all given observers, in the given order. The
 * returned observer never throws: if a given observer throws an error, the error becomes a `fault`
 * event.
 */
export function combineObservers(observers: readonly Partial<Observer>[]): Observer {
  const combined = { ...silentObserver };
  for (const event of EVENTS) combine(combined, observers, event);
  return combined;
}

function combine<Name extends Event>(
  combined: Observer,
  observers: readonly Partial<Observer>[],
  event: Name,
): void {
  type Listener = (...args: Parameters<Observer[Name]>) => void;
  const listeners = observers.flatMap((observer) => {
    const listener = observer[event];
    if (listener === undefined || listener === nothing) return [];
    return [listener.bind(observer) as Listener];
  });
  if (listeners.length === 0) return;
  const all: Listener = (...args) => {
    for (const listener of listeners) {
      try {
        listener(...args);
      } catch (error) {
        if (event === "fault") rethrowLater(error);
        else combined.fault(error);
      }
    }
  };
  combined[event] = all as Observer[Name];
}

/**
 * Throws an error again in a microtask, so that the error becomes an uncaught exception of the
 * process. Used for an error that a `fault` method itself throws.
 */
function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
