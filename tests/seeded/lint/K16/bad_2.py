from kfp import dsl


@dsl.component(base_image="python:3.12")
def split(text: str, words: dsl.Output[dsl.Dataset], number: dsl.OutputPath(int)):
    with open(words.path, "w") as file:
        file.write("\n".join(text.split()))
