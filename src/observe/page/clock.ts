/** A moment as text in the reader's language: the time, with the date unless the date is today. */
export function clock(moment: string | Date): string {
  const date = new Date(moment);
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(undefined, {
    timeStyle: "medium",
    ...(!isToday && { dateStyle: "medium" }),
  });
}
