/** A moment for people, in their language: the time, and the date unless it is today. */
export function clock(moment: string | Date): string {
  const date = new Date(moment);
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(undefined, {
    timeStyle: "medium",
    ...(!isToday && { dateStyle: "medium" }),
  });
}
