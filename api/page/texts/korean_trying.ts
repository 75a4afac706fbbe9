/** The Korean texts of the pages to try a task. */
import type { Texts } from "./english.ts";

/** Korean texts. */
export const KOREAN_TRYING: Pick<Texts, "trying"> = {
  trying: {
    title: "작업 실행해 보기",
    back: "다른 작업",
    explanation: "작업을 고르고 인수를 입력한 뒤 제출하세요.",
    none: "이 키로 제출할 수 있는 작업이 앱에 없습니다.",
    task: "작업",
    summary: "하는 일",
    noInput: "이 작업에는 인수가 없습니다.",
    optional: "선택",
    fallback: (value) => `기본값: ${value}`,
    json: "JSON 형식",
    unset: "(없음)",
    delay: "지연 시간(초)",
    submit: "작업 제출",
    show: "호출 코드 보기",
    calls: "같은 호출",
    invalid: "작업이 다음 인수를 받아들이지 않습니다:",
    redacted: (names) => `레코드에 ${names} 값이 없습니다. 다시 입력하세요.`,
    copied: (id) => `작업 ${id}의 인수입니다.`,
  },
};
