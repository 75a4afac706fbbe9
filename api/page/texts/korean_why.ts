/** The Korean texts of reasons why a task does not run. */
import type { Texts } from "./english.ts";

/** Korean texts. */
export const KOREAN_WHY: Pick<Texts, "why"> = {
  why: {
    title: "왜 실행되지 않나요?",
    back: "작업으로",
    ask: "이유 찾기",
    asking: "브로커와 워커에 묻는 중입니다 ...",
    unread: "읽지 못한 사실:",
  },
};
